"""The contact sheet: moments of the take side by side, with their words. Composed with numpy and text objects alone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import framing
from .film import _target, aim, body_shot
from .stage import PreviewError, stage

VIEWS = {
    None: ("front", "three_quarter"),
    "face": ("face", "face_side"),
    "hands": ("right_hand", "left_hand"),
}
# Pictures side by side, pixels, RGBA 0..1; by eye.
COLUMNS = 4
LABEL_PX = 46
GAP_PX = 10
PAPER = (0.93, 0.935, 0.94, 1.0)
INK = (0.02, 0.02, 0.025, 1.0)
FAINT = (0.16, 0.16, 0.18, 1.0)

Word = tuple[str, float, float]


@dataclass(frozen=True)
class Moment:
    """A cell of the sheet: seconds from the start of the take, and the word spoken then ("" in a pause)."""

    time: float
    text: str


def pick_moments(words: Sequence[Word], seconds: float, count: int, apexes: Sequence[float] = ()) -> list[Moment]:
    """`count` moments spread over the take, one in each equal part of it.

    In each part: the apex nearest to its middle, else the middle of its longest word (short ones carry no gesture),
    else its own middle. `words` are (text, start, end) in seconds.
    """
    edges = np.linspace(0.0, seconds, count + 1)
    moments = []
    for left, right in pairwise(edges):
        middle = (left + right) / 2
        peaks = [a for a in apexes if left <= a < right]
        inside = [w for w in words if left <= (w[1] + w[2]) / 2 < right]
        if peaks:
            time = min(peaks, key=lambda a: abs(a - middle))
        elif inside:
            longest = max(inside, key=lambda w: w[2] - w[1])
            time = (longest[1] + longest[2]) / 2
        else:
            time = middle
        moments.append(Moment(float(time), word_at(words, float(time))))
    return moments


def word_at(words: Sequence[Word], time: float, reach: float = 0.12) -> str:
    """The word spoken at a time, or the nearest one within `reach` seconds; "" in a pause."""
    distances = [(max(start - time, time - end, 0.0), text) for text, start, end in words]
    near = min(distances, default=(reach + 1, ""))
    return near[1] if near[0] <= reach else ""


def render_sheet(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    words: Sequence[Word],
    out_png: str | Path,
    *,
    start_frame: int,
    fps: float,
    seconds: float,
    count: int = 12,
    apexes: Sequence[float] = (),
    closeup: str | None = None,
    cell: tuple[int, int] | None = None,
    samples: int = 8,
) -> Path:
    """Writes the sheet: `count` cells, in each two views side by side, under them the word and the time.

    `fps` is the scene's (fps / fps_base), `start_frame` the scene frame of second 0; `closeup` is None, "face" or
    "hands"; `cell` the pixels of one view.
    """
    if closeup not in VIEWS:
        raise PreviewError(f"There is no close-up {closeup!r}; choose face or hands.")
    if count < 1 or seconds <= 0:
        raise PreviewError("The contact sheet needs at least one cell and a take longer than nothing.")
    out = _target(out_png)
    size = cell or ((220, 330) if closeup is None else (220, 220))
    moments = pick_moments(words, seconds, count, apexes)
    pictures = []
    with (
        tempfile.TemporaryDirectory(prefix="cospeech_") as folder,
        stage(context, armature, size, samples) as set_,
    ):
        last = start_frame + max(0, round(seconds * fps) - 1)
        frames = [min(start_frame + round(m.time * fps), last) for m in moments]
        # One camera for all cells of a view of the body: the poses can be compared only at one scale.
        shots = {
            v: body_shot(set_, frames, framing.VIEWS[v], size, margin=0.02)
            for v in VIEWS[closeup]
            if v in framing.VIEWS
        }
        shots = framing.same_distance(shots, set_.surface(frames[0]).mean(0))
        for number, frame in enumerate(frames):
            views = []
            for view in VIEWS[closeup]:
                path = Path(folder) / f"{number}_{view}.png"
                if view in shots:
                    set_.place_camera(shots[view])
                else:
                    aim(set_, frame, view, size)
                set_.render(path, frame)
                views.append(_load(path))
            pictures.append(np.concatenate(views, axis=1))
        sheet = compose(pictures, [(m.text, f"{m.time:.2f} s") for m in moments], Path(folder))
        _save(sheet, out)
    return out


def compose(pictures: Sequence[np.ndarray], labels: Sequence[tuple[str, str]], folder: Path) -> np.ndarray:
    """Pictures (H, W, 4), all of one size, in rows of four over their labels (text, small text): (H', W', 4)."""
    height, width = pictures[0].shape[:2]
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    total = (columns * (width + GAP_PX) + GAP_PX, rows * (height + LABEL_PX) + GAP_PX)
    corners = [
        (GAP_PX + (i % columns) * (width + GAP_PX), GAP_PX + (i // columns) * (height + LABEL_PX))
        for i in range(len(pictures))
    ]
    sheet = _label_page(total, [(x, y + height, width) for x, y in corners], labels, folder / "labels.png")
    for picture, (x, y) in zip(pictures, corners, strict=True):
        sheet[y : y + height, x : x + width] = picture
    return sheet


def _label_page(
    size: tuple[int, int], places: Sequence[tuple[int, int, int]], labels: Sequence[tuple[str, str]], path: Path
) -> np.ndarray:
    """Paper of that size with all labels (text objects before an orthographic camera): pixels (H, W, 4), top row first.

    `places` are (left, top, width) in pixels, from the upper left.
    """
    fonts = set(bpy.data.fonts)
    scene = bpy.data.scenes.new("Cospeech Labels")
    owned: list[bpy.types.ID] = [scene]
    try:
        owned += _label_camera(scene, size)
        ink, faint = _flat_material("Ink", INK), _flat_material("Faint ink", FAINT)
        owned += [ink, faint]
        for (left, top, width), (text, small) in zip(places, labels, strict=True):
            row = size[1] - top - LABEL_PX * 0.66
            owned += _text(scene, text or "(pause)", (left + 2, row), 24, "LEFT", ink if text else faint)
            owned += _text(scene, small, (left + width - 2, row), 18, "RIGHT", faint)
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True, scene=scene.name)
    finally:
        bpy.data.batch_remove(owned + [f for f in bpy.data.fonts if f not in fonts])
    return _load(path)


def _label_camera(scene: bpy.types.Scene, size: tuple[int, int]) -> list[bpy.types.ID]:
    """A flat, orthographic view in which one unit is one pixel and (0, 0) the lower left corner."""
    render: Any = scene.render  # which engines there are is known at run time only
    render.engine, render.use_file_extension = "BLENDER_WORKBENCH", False
    render.resolution_x, render.resolution_y = size
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    view: Any = scene.view_settings  # nor are transforms
    view.view_transform = "Standard"
    scene.display.render_aa = "16"
    scene.display.shading.light, scene.display.shading.color_type = "FLAT", "MATERIAL"
    world = bpy.data.worlds.new("Cospeech Labels")
    world.color = PAPER[:3]
    scene.world = world
    data = bpy.data.cameras.new("Cospeech Labels")
    data.type, data.sensor_fit = "ORTHO", "HORIZONTAL"
    data.ortho_scale, data.clip_end = size[0], 100.0
    camera = bpy.data.objects.new("Cospeech Labels", data)
    camera.location = (size[0] / 2, size[1] / 2, 10.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return [world, camera, data]


def _flat_material(name: str, color: tuple[float, float, float, float]) -> bpy.types.Material:
    material = bpy.data.materials.new(f"Cospeech {name}")
    material.diffuse_color = color
    return material


def _text(
    scene: bpy.types.Scene,
    body: str,
    at: tuple[float, float],
    points: float,
    align: str,
    material: bpy.types.Material,
) -> list[bpy.types.ID]:
    curve: Any = bpy.data.curves.new("Cospeech Label", "FONT")
    curve.body, curve.size, curve.align_x = body, points, align
    curve.materials.append(material)
    label = bpy.data.objects.new("Cospeech Label", curve)
    label.location = (*at, 0.0)
    scene.collection.objects.link(label)
    return [label, curve]


def _load(path: Path) -> np.ndarray:
    """Pixels (H, W, 4) of an image file as stored, top row first."""
    image = bpy.data.images.load(str(path))
    try:
        width, height = image.size
        flat = np.empty(width * height * 4, np.float32)
        pixels: Any = image.pixels  # an array; the stubs call it a number
        pixels.foreach_get(flat)
    finally:
        bpy.data.images.remove(image)
    return flat.reshape(height, width, 4)[::-1].copy()


def _save(pixels: np.ndarray, path: Path) -> None:
    """Writes pixels (H, W, 4), top row first, as PNG."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("Cospeech Sheet", width, height)
    try:
        kept: Any = image.pixels
        kept.foreach_set(np.ascontiguousarray(pixels[::-1], np.float32).ravel())
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)
