"""``evaluate-gestures``: run the generalisation protocol for designs, and show it as a table or JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.errors import CospeechError
from engine.evaluation.generalisation import Figure, Protocol, evaluate_design
from engine.training.corpus import read_corpus
from engine.training.gesture_designs import design

Tell = Callable[[str, float], None]

# What the bundled model has to reach: (figure, at least, at most).
REACH = (
    ("named right: ratio", 0.8, None),
    ("told apart (AUC): best of all", None, 0.65),
    ("in range: top speed m/s", 0.95, None),
    ("in range: mean speed m/s", 0.95, None),
    ("in range: jerk / speed 1/s2", 0.95, None),
    ("in range: duration s", 0.95, None),
    ("in range: joint angles", 0.99, None),
)


def evaluate_gestures(corpus: Path, designs: tuple[str, ...], protocol: Protocol, tell: Tell) -> dict[str, Any]:
    """Figures by design, and the protocol; CospeechError for an unknown design or a folder without the corpus."""
    if not designs:
        raise CospeechError("No design was named; give for instance --designs basis")
    chosen = {name: design(name, protocol.seed) for name in designs}
    clips = read_corpus(corpus)
    found = {}
    for place, (name, fitting) in enumerate(chosen.items()):
        found[name] = evaluate_design(clips, fitting, protocol, _part(tell, name, place, len(chosen)))
    return {"protocol": asdict(protocol), "designs": found}


def as_json(report: dict[str, Any]) -> dict[str, Any]:
    """Plain numbers: value, and low and high where there is an interval."""
    rows = {
        name: {
            figure: {key: value for key, value in asdict(one).items() if value is not None}
            for figure, one in own.items()
        }
        for name, own in report["designs"].items()
    }
    return {"protocol": report["protocol"], "designs": rows}


def table(report: dict[str, Any]) -> list[str]:
    """A block a design: figure, value, its interval, and whether it reaches what is asked of the bundled one."""
    protocol = report["protocol"]
    lines = [f"{protocol['folds']} folds by take, {protocol['per_class']} generated clips a class and fold"]
    limits = {name: (low, high) for name, low, high in REACH}
    for name, figures in report["designs"].items():
        lines += ["", name]
        lines += [f"  {figure:<42}{_shown(one)}{_verdict(one, limits.get(figure))}" for figure, one in figures.items()]
    return lines


def _shown(figure: Figure) -> str:
    text = f"{figure.value:9.3f}"
    return text if figure.low is None else f"{text}  ({figure.low:.3f} to {figure.high:.3f})"


def _verdict(figure: Figure, limits: tuple[float | None, float | None] | None) -> str:
    if limits is None:
        return ""
    low, high = limits
    reached = (low is None or figure.value >= low) and (high is None or figure.value <= high)
    wanted = f"at least {low:g}" if high is None else f"at most {high:g}"
    return f"  {'reached' if reached else 'MISSED'}: {wanted}"


def _part(tell: Tell, name: str, place: int, count: int) -> Tell:
    return lambda stage, fraction: tell(f"{name}: {stage}", (place + fraction) / count)
