"""What windows made anew replaced in a take's plan, so that a window made again starts from where it first did.

A take made anew in place keeps this in its provenance: without it a seed's second try would follow from what was tried
between, not from the take and the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import CospeechError
from engine.plan.types import GesturePhrase, GesturePlan

STEPS, LIFE = "remade", "life"  # in provenance
PLANNED = ("phrases", "head", "brows", "gaze", "blinks", "smiles")
EMPHASISED = tuple(f"{side} {name}" for side in ("were", "now") for name in ("phrases", "head", "brows"))
GROUPS = (*PLANNED, *EMPHASISED)
HEADER = ("seed", "style", "energy")
TIMES = ("id", "onset", "apex", "hold_end", "retract_end", "join", "hands")  # what rest postures hang on

Step = Mapping[str, Any]


@dataclass(frozen=True)
class Past:
    """The ``plan`` from which a window was first made anew (None: there was none), the ``steps`` in other windows that
    stay, and the record of the body life then, where it was another one."""

    plan: GesturePlan | None
    steps: tuple[Step, ...] = ()
    life: Mapping[str, Any] | None = None


def steps_of(provenance: Mapping[str, Any] | None) -> tuple[Step, ...]:
    """The steps that a take's provenance holds, oldest first; none where they are not what we write."""
    steps = (provenance or {}).get(STEPS, ())
    known = isinstance(steps, list | tuple) and all(
        isinstance(step, Mapping)
        and isinstance(step.get("window"), list | tuple)
        and len(step["window"]) == 2
        and all(isinstance(step.get(name), Mapping) for name in ("was", "now"))
        for step in steps
    )
    return tuple(steps) if known else ()


def step_between(old: GesturePlan | None, new: GesturePlan, window: tuple[int, int]) -> dict[str, Any]:
    """What making the ``window`` (frames; first, end) anew changed in the plan, as JSON holds it."""
    bare = old is None
    after = _flat(new.to_dict())
    before = {**after, **dict.fromkeys(GROUPS, ())} if old is None else _flat(old.to_dict())
    was: dict[str, Any] = {name: before[name] for name in HEADER if before[name] != after[name]}
    now: dict[str, Any] = {name: after[name] for name in was}
    for name in GROUPS:
        lost, come = _without(before[name], after[name]), _without(after[name], before[name])
        if lost or come:
            was[name], now[name] = lost, come
    return {"window": list(window), "was": was, "now": now, **({"bare": True} if bare else {})}


def rewound(plan: GesturePlan, steps: Sequence[Step], window: tuple[int, int]) -> Past:
    """The plan without what was made anew inside ``window``. A step that was built upon since can't be taken back and
    is forgotten, as are those that reach across a border."""
    data, kept, life = _flat(plan.to_dict()), list[Step](), None
    for step in reversed(steps):
        first, end = step["window"]
        inside = window[0] <= first and end <= window[1]
        if not inside:
            around = first <= window[0] and window[1] <= end
            if around or end <= window[0] or window[1] <= first:
                kept.insert(0, step)
            continue
        if step.get("bare") and kept:
            continue
        earlier = _undone(data, step)
        if earlier is None:
            continue
        if step.get("bare"):
            return Past(None)
        data, life = earlier, step.get(LIFE, life)
    try:
        found = GesturePlan.from_dict(_folded(data))
    except CospeechError:
        return Past(plan, tuple(kept))
    return Past(plan if found == plan else found, tuple(kept), life)


def apart_from(steps: Iterable[Step], window: tuple[int, int]) -> tuple[Step, ...]:
    """The steps whose frames have none in common with ``window``."""
    return tuple(step for step in steps if step["window"][1] <= window[0] or window[1] <= step["window"][0])


def life_record(plan: GesturePlan) -> dict[str, Any]:
    """What the rest postures of a take follow, as JSON holds it."""
    return {"seed": plan.seed, "phrases": [[getattr(phrase, name) for name in TIMES] for phrase in plan.phrases]}


def lived_plan(plan: GesturePlan, record: Any) -> GesturePlan:
    """The plan with the gestures that the take's rest postures follow; ``plan`` where there is no such record."""
    try:
        phrases = tuple(_timed(dict(zip(TIMES, entry, strict=True))) for entry in record["phrases"])
        return replace(plan, seed=int(record["seed"]), phrases=phrases)
    except (KeyError, TypeError, ValueError):
        return plan


def _timed(times: Mapping[str, Any]) -> GesturePhrase:
    onset, apex, hold_end, retract_end = (float(times[name]) for name in TIMES[1:5])
    return GesturePhrase(
        int(times["id"]), onset, apex, hold_end, retract_end, "", "", str(times["hands"]), 1.0, -1, False, 0.0, 0.0,
        str(times["join"]),
    )  # fmt: skip


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's data with the record of its emphasis as groups of their own."""
    out = dict(data)
    emphasis = out.pop("emphasis", None) or {"stretches": ()}
    out["stretches"] = emphasis["stretches"]
    for name in EMPHASISED:
        side, group = name.split()
        out[name] = emphasis.get(side, {}).get(group, ())
    return out


def _folded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Inverse of :func:`_flat`."""
    out = {name: value for name, value in data.items() if name not in ("stretches", *EMPHASISED)}
    record: dict[str, Any] = {"stretches": data["stretches"], "were": {}, "now": {}}
    for name in EMPHASISED:
        side, group = name.split()
        record[side][group] = data[name]
    if data["stretches"] or any(data[name] for name in EMPHASISED):
        out["emphasis"] = record
    return out


def _undone(plan: Mapping[str, Any], step: Step) -> dict[str, Any] | None:
    """The plan's data before the step; None where what the step brought is no longer there as it brought it."""
    out = dict(plan)
    for name, values in step["now"].items():
        if name in HEADER:
            if plan[name] != values:
                return None
            out[name] = step["was"].get(name)
        elif name in GROUPS:
            left = _without(plan[name], values)
            if len(left) != len(plan[name]) - len(values):
                return None
            order = ("apex", "id") if name.endswith("phrases") else ("start", "kind")
            entries = [*left, *step["was"].get(name, ())]
            if not all(isinstance(entry, Mapping) and all(key in entry for key in order) for entry in entries):
                return None
            out[name] = sorted(entries, key=lambda entry: tuple(entry[key] for key in order))
    return out


def _without(entries: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    known = {tuple(other.items()) for other in others}
    return [entry for entry in entries if tuple(entry.items()) not in known]
