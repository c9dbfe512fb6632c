"""What Regenerate says when it is done."""

from __future__ import annotations

from typing import Any

from ..client.jobs import Job
from ..rig.skeleton import JOINTS
from .request import Order

MOST_TARGETS = 3  # that are named, by eye: more no status line shows


def outcome(job: Job, order: Order) -> str:
    """The frames, how long it took, what was kept, which targets are out of reach, the engine's notes."""
    window = job.result.get("window")
    notes = [*order.notes, *(str(note) for note in job.result.get("warnings", ()))]
    if not window:
        return ". ".join(["Nothing had to change", *notes])
    first, last = order.ticket.first + int(window[0]), order.ticket.first + int(window[1]) - 1
    frames = f"frame {first}" if first == last else f"frames {first}-{last}"
    kept = kept_text(order.pinned, order.edited)
    text = f"Regenerated {frames} in {job.seconds:.1f} s{f', {kept}' if kept else ''}"
    return ". ".join([text, *missed(job.result.get("targets") or (), order.ticket.first), *notes])


def kept_text(pinned: int, edited: int) -> str:
    """``3 pins, 12 edited keys kept``; empty for none."""
    counts = [(pinned, "pin"), (edited, "edited key")]
    text = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count)
    return f"{text} kept" if text else ""


def missed(targets: Any, start: int) -> list[str]:
    """A sentence for each target that could not be reached, the farthest first."""
    out = sorted((t for t in targets if not t.get("reached", True)), key=lambda t: -float(t["residual_mm"]))
    sentences = [
        f"{joint_text(target['joint'])} misses its target on frame {start + int(target['frame'])} "
        f"by {float(target['residual_mm']):.0f} mm"
        for target in out[:MOST_TARGETS]
    ]
    if len(out) > MOST_TARGETS:
        sentences.append(f"{len(out) - MOST_TARGETS} more targets are out of reach")
    return sentences


def joint_text(joint: Any) -> str:
    """A joint for people: the wrist's target is where the hand shall be."""
    name = JOINTS[joint] if isinstance(joint, int) else str(joint)
    return name.replace("wrist", "hand").replace("ankle", "foot").replace("_", " ").capitalize()
