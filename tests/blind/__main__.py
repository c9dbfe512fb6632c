"""Film strips for the blind test of docs/films.md: which of two gestures was authored, which learned?

`python -m tests.blind --seed 1 --out somewhere` writes strips, and the key into key.json:
the viewer gets the strips only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import bpy
import numpy as np
from PIL import Image, ImageDraw

from addon import register
from addon.client.take_file import Take
from addon.preview import framing
from addon.preview.stage import stage
from addon.takes.apply import apply_take
from engine.body.skeleton import ASSETS

from .pairs import FPS, Performer, Shown, alike

WIDTH, HEIGHT, LABEL, MOMENTS = 230, 260, 16, 8


def main() -> int:
    """Make the pairs, draw them, keep the key apart."""
    parser = argparse.ArgumentParser(prog="python -m tests.blind", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    demo = ASSETS / "demo" / "demo.flac"
    performer = Performer(demo, str(demo.with_suffix(".txt")))
    key, rows = [], list[tuple[Shown, Shown]]()
    for mine, other in alike(performer, rng):
        first = bool(rng.integers(2))
        rows.append((mine, other) if first else (other, mine))
        key.append({"authored": "A" if first else "B", "class": mine.gclass, "learned": other.gclass})
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "key.json").write_text(json.dumps(key, indent=1), encoding="utf-8")
    _draw(rows, asked.out)
    return 0


def _draw(rows: list[tuple[Shown, Shown]], out: Path) -> None:
    register()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = round(FPS)
    bpy.ops.cospeech.add_character()
    character = bpy.context.scene.cospeech.character
    shown = [one for row in rows for one in row]
    poses = np.concatenate([one.poses for one in shown]).astype(np.float32)
    trans = np.concatenate([one.trans for one in shown]).astype(np.float32)
    apply_take(bpy.context, character, Take(poses, trans, FPS), start_frame=1)
    with stage(bpy.context, character, (WIDTH, HEIGHT), 5) as scene:
        chest = scene.bones(1)["spine3"] + np.array([0.0, 0.0, 0.04])
        box = np.array([[x, y, z] for x in (-0.55, 0.55) for y in (-0.3, 0.3) for z in (-0.62, 0.46)])
        scene.place_camera(
            framing.fit(chest + box, framing.view_rotation(scene.facing(1), 25), (WIDTH, HEIGHT), margin=0.0)
        )
        for number in range(len(rows)):
            sheet = Image.new("RGB", (WIDTH * MOMENTS, (HEIGHT + LABEL) * 2), "white")
            for row in range(2):
                top = row * (HEIGHT + LABEL)
                ImageDraw.Draw(sheet).text((4, top + 2), "AB"[row], fill="black")
                for moment in range(MOMENTS):
                    scene.render(out / "frame.png", 1 + (2 * number + row) * MOMENTS + moment)
                    sheet.paste(Image.open(out / "frame.png").convert("RGB"), (moment * WIDTH, top + LABEL))
            sheet.save(out / f"pair{number + 1:02d}.png")
    (out / "frame.png").unlink()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # bpy crashes at exit once the add-on is registered
