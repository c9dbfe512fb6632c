"""Fingerprints of what Cospeech makes, to see that a change of the code changes no byte of it.

    python -m tests.proof out/before.json                    # on the old code
    python -m tests.proof out/after.json --compare out/before.json

Takes are asked for as Blender does it, by messages to ``python -m engine serve``; keys come from the operators on
real bpy. Nothing else of the code is used, so ``--root`` may name a checkout of any version. Two runs are
equal on the same machine with as many threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.proof.takes import take_hashes

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Write the fingerprints; 1 where they differ from those to compare with."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout whose code runs")
    parser.add_argument("--weights", type=Path, help="folders emage, semtalk, semges with weights by rule")
    parser.add_argument("--compare", type=Path, help="fingerprints of other code")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        weights = options.weights or weights_by_rule(Path(made))
        # The options are part of a take's provenance, so the line lies at the same place for every version.
        found = {"takes": take_hashes(options.root.resolve(), weights), "keys": key_hashes(options.root.resolve())}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"{sum(len(entry) for group in found.values() for entry in group.values())} hashes in {options.out}")
    return compare(found, json.loads(options.compare.read_text(encoding="utf-8"))) if options.compare else 0


def weights_by_rule(folder: Path) -> Path:
    """Small releases of the three published systems, with seeded weights."""
    from tests.support import small_emage, small_semges, small_semtalk

    small_emage.standing_release(folder / "emage")
    small_semtalk.small_release(folder / "semtalk")
    small_semges.small_release(folder / "semges")
    return folder


def key_hashes(root: Path) -> dict[str, dict[str, str]]:
    """Hashes of every F-curve that Generate, Regenerate, Listen and Chain write, in a Blender of their own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "keys.json"
        environment = {**os.environ, "PYTHONPATH": str(root), "BLENDER_USER_RESOURCES": folder}
        command = [sys.executable, Path(__file__).with_name("keys.py"), out, root / "assets/demo/demo.flac"]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        if not out.is_file():
            raise SystemExit(done.stdout + done.stderr)
        hashes: dict[str, dict[str, str]] = json.loads(out.read_text(encoding="utf-8"))
        return hashes


def compare(found: dict[str, dict[str, dict[str, str]]], before: dict[str, dict[str, dict[str, str]]]) -> int:
    """Print what is not equal; the exit status."""
    differs = [
        f"{group} / {entry} / {name}"
        for group in sorted(found.keys() | before.keys())
        for entry in sorted(found.get(group, {}).keys() | before.get(group, {}).keys())
        for name in sorted(found.get(group, {}).get(entry, {}).keys() | before.get(group, {}).get(entry, {}).keys())
        if found.get(group, {}).get(entry, {}).get(name) != before.get(group, {}).get(entry, {}).get(name)
    ]
    print("\n".join(differs) or "equal")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
