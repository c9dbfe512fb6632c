"""The demo: a line of speech becomes take.npz, demo.blend, demo.fbx, preview.mp4 and contact_sheet.png.

Run by ``python build.py demo`` in the bpy module, through the same operators that an animator's clicks run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import bpy

from . import preview
from .client.take_file import Take, read_take
from .paths import asset, root
from .registration import register, unregister
from .rig.mannequin.looks import PLAIN, looks
from .scene import settings_of
from .ui import our_operators


def tell(text: str) -> None:
    """A line for the user among all that Blender prints; build.py shows it and leaves the rest in its log."""
    print(f"build.py: {text}", flush=True)


def main() -> int:
    """Make the demo; errors are one sentence and status 1."""
    parser = argparse.ArgumentParser(prog="build.py demo", description=__doc__)
    parser.add_argument("--audio", type=Path, default=asset("demo/demo.flac"))
    parser.add_argument("--transcript", type=Path, default=None, help="default: the text beside the audio")
    parser.add_argument("--out", type=Path, default=root() / "out" / "demo")
    parser.add_argument("--style", default="explain")
    parser.add_argument("--energy", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--speaker", default="", help="a speaker preset: marlow, ines, tobias")
    parser.add_argument("--film-width", type=int, default=640, help="pixels; the height is nine eighths of it")
    parser.add_argument("--no-film", action="store_true", help="leave out preview.mp4, which takes longest")
    options = parser.parse_args()
    if not options.audio.is_file():
        print(f"build.py failed: there is no audio {options.audio}; check the path", flush=True)
        return 1
    register()
    try:
        make(options)
    except (RuntimeError, OSError, preview.PreviewError) as error:
        print(f"build.py failed: {str(error).strip().removeprefix('Error: ')}", flush=True)
        return 1
    finally:
        unregister()
    return 0


def make(options: argparse.Namespace) -> None:
    """Everything from the empty file to the pictures."""
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = options.fps, 1.0
    our_operators().add_character(look=options.speaker if options.speaker in looks() else PLAIN)
    settings = settings_of(scene)
    settings.audio = str(options.audio.resolve())
    settings.transcript = str(options.transcript.resolve()) if options.transcript else ""
    settings.style, settings.energy, settings.seed = options.style, options.energy, options.seed
    settings.start_frame = 1
    if options.speaker:
        our_operators().choose_speaker(preset=options.speaker)
    tell("Generating gestures")
    our_operators().generate()
    character = settings.character
    action = character.animation_data.action
    first, last = (round(frame) for frame in action.frame_range)
    scene.frame_start, scene.frame_end = first, last
    our_operators().save_take(filepath=str(out / "take.npz"))
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"), compress=True)
    our_operators().export_fbx(filepath=str(out / "demo.fbx"), preset="GENERIC")
    take = read_take(out / "take.npz")
    tell("Drawing the contact sheet" if options.no_film else "Drawing the contact sheet and the film")
    draw(out, character, options, take, first, last)
    shutil.rmtree(out / "frames", ignore_errors=True)
    for path in sorted(out.iterdir()):
        tell(f"{path}  {path.stat().st_size / 1e6:.2f} MB")


def draw(
    out: Path, character: bpy.types.Object, options: argparse.Namespace, take: Take, first: int, last: int
) -> None:
    """The contact sheet, and the film unless it was left out."""
    plan = take.plan or {}
    words = [(text, start, end) for text, start, end in plan.get("words", ())]
    apexes = [phrase["apex"] for phrase in plan.get("phrases", ())]
    preview.render_sheet(
        bpy.context,
        character,
        words,
        out / "contact_sheet.png",
        start_frame=first,
        fps=take.fps,
        seconds=(last - first + 1) / take.fps,
        apexes=apexes,
    )
    if not options.no_film:
        size = options.film_width, options.film_width * 9 // 8
        film = out / "preview.mp4"
        preview.render_film(bpy.context, character, options.audio, film, start=first, end=last, size=size)


if __name__ == "__main__":
    sys.exit(main())
