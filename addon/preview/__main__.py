"""For developers: looks at a .blend. `python -m addon.preview BLEND OUT_DIR [--closeup face|hands] [--frames 1,30]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bpy

from ..takes.apply import take_meta
from . import PreviewError, render_sheet, render_still

STILLS = {None: ("front", "three_quarter"), "face": ("face", "face_side"), "hands": ("right_hand", "left_hand")}


def main(arguments: list[str] | None = None) -> int:
    """Writes stills of the frames asked for, or a contact sheet of the whole action where none are."""
    parser = argparse.ArgumentParser(
        prog="python -m addon.preview", description="Pictures of the character in a .blend."
    )
    parser.add_argument("blend", type=Path)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--closeup", choices=["face", "hands"])
    parser.add_argument(
        "--frames", type=lambda text: [int(f) for f in text.split(",")], help="stills of these, as 1,30"
    )
    parser.add_argument("--count", type=int, default=12, help="cells of the sheet")
    parser.add_argument("--armature", help="name of the armature object; default: the animated one")
    options = parser.parse_args(arguments)
    try:
        bpy.ops.wm.open_mainfile(filepath=str(options.blend.resolve()))
        for path in _render(options):
            print(path)
    except (PreviewError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _render(options: argparse.Namespace) -> list[Path]:
    armature = _armature(options.armature)
    if options.frames:
        return [
            render_still(bpy.context, armature, frame, options.out_dir / f"{frame:05d}_{view}.png", camera=view)
            for frame in options.frames
            for view in STILLS[options.closeup]
        ]
    scene = bpy.context.scene
    action = armature.animation_data.action if armature.animation_data else None
    first, last = action.frame_range[:] if action else (scene.frame_start, scene.frame_end)
    fps = scene.render.fps / scene.render.fps_base
    meta = take_meta(action)
    out = options.out_dir / f"sheet{'_' + options.closeup if options.closeup else ''}.png"
    return [
        render_sheet(
            bpy.context,
            armature,
            [(text, start, end) for text, start, end in meta.words],
            out,
            start_frame=round(first),
            fps=fps,
            seconds=(last - first + 1) / fps,
            count=options.count,
            apexes=[phrase["apex"] for phrase in meta.phrases],
            closeup=options.closeup,
        )
    ]


def _armature(name: str | None) -> bpy.types.Object:
    rigs = [o for o in bpy.context.scene.objects if o.type == "ARMATURE" and (name is None or o.name == name)]
    if not rigs:
        raise PreviewError(f"There is no armature {name or ''} in this file's scene.".replace("  ", " "))
    return next((r for r in rigs if r.animation_data and r.animation_data.action), rigs[0])


if __name__ == "__main__":
    sys.exit(main())
