"""The preview: film with sound, contact sheet, stills; the user's file stays as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.places import DEMO, ROOT

bpy = pytest.importorskip("bpy")

from mathutils import Matrix, Vector  # noqa: E402

from addon.preview import PreviewError, framing, pick_moments, render_film, render_sheet, render_still  # noqa: E402
from addon.preview.sheet import _load, word_at  # noqa: E402
from tests.limits import HANG_SECONDS  # noqa: E402

FACING = np.array([0.0, -1.0, 0.0])


def add_capsule(mesh_rows: list, groups: dict, name: str, head: Vector, tail: Vector, radius: float) -> None:
    """An eight-sided spindle from joint to joint, all of it on that bone."""
    axis = (tail - head).normalized()
    side = axis.orthogonal().normalized()
    turn = [Matrix.Rotation(k * np.pi / 4, 3, axis) @ side for k in range(8)]
    first = len(mesh_rows[0])
    for t, r in ((0.0, 0.7), (0.3, 1.0), (0.7, 1.0), (1.0, 0.7)):
        mesh_rows[0] += [head.lerp(tail, t) + s * radius * r for s in turn]
    rings = [[first + 8 * ring + k for k in range(8)] for ring in range(4)]
    mesh_rows[1] += [(a[k], a[(k + 1) % 8], b[(k + 1) % 8], b[k]) for a, b in pairwise(rings) for k in range(8)]
    mesh_rows[1] += [tuple(reversed(rings[0])), tuple(rings[-1])]
    groups[name] = list(range(first, first + 32))


@pytest.fixture
def figure():
    """A plain figure on SMPL-X's joints, waving its right arm over frames 1 to 24, at 24 frames a second."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    table = json.loads((ROOT / "assets/skeleton.json").read_text(encoding="utf-8"))
    rest = np.array(table["rest_joints"])
    rest = np.stack([rest[:, 0], -rest[:, 2], rest[:, 1]], axis=1)
    rest[:, 2] -= rest[:, 2].min() - 0.02
    names, parents = table["names"], table["parents"]
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    rows, groups = [[], []], {}
    for name, parent, at in zip(names, parents, rest, strict=True):
        children = [i for i, p in enumerate(parents) if p == names.index(name)]
        tail = rest[children[-1 if name == "neck" else 0]] if children else at + np.array([0, -0.03, 0])
        tail = at + np.array([0, 0, 0.2]) if name == "head" else tail
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = at, tail
        bone.parent = data.edit_bones[names[parent]] if parent >= 0 else None
        radius = 0.09 if name == "head" else min(0.07, 0.25 * float(np.linalg.norm(tail - at)))
        add_capsule(rows, groups, name, Vector(at), Vector(tail), radius)
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = bpy.data.meshes.new("Body")
    mesh.from_pydata(*[rows[0], [], rows[1]])
    body = bpy.data.objects.new("Body", mesh)
    for name, vertices in groups.items():
        body.vertex_groups.new(name=name).add(vertices, 1.0, "REPLACE")
    body.modifiers.new("Armature", "ARMATURE").object = rig
    material = bpy.data.materials.new("Skin")
    material.diffuse_color = (0.75, 0.25, 0.15, 1)
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(body)
    shoulder = rig.pose.bones["right_shoulder"]
    shoulder.rotation_mode = "XYZ"
    for frame, angle in ((1, -1.2), (24, 1.0)):
        shoulder.rotation_euler = (0, 0, 0)
        shoulder.rotation_euler[0] = angle
        shoulder.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.scene.frame_set(7)
    yield rig
    bpy.ops.wm.read_factory_settings(use_empty=True)


def snapshot() -> dict:
    """Everything a preview could leave behind or disturb."""
    scene = bpy.context.scene
    blocks = {
        c: sorted(i.name for i in getattr(bpy.data, c))
        for c in (
            "scenes",
            "objects",
            "meshes",
            "materials",
            "worlds",
            "cameras",
            "images",
            "sounds",
            "curves",
            "fonts",
            "node_groups",
        )
    }
    users = {o.name: o.users for o in bpy.data.objects}
    pose = [list(map(tuple, b.matrix)) for o in bpy.data.objects if o.type == "ARMATURE" for b in o.pose.bones]
    return {
        **blocks, "users": users, "pose": pose, "frame": scene.frame_current, "scene": scene.name,
        "rate": (scene.render.fps, scene.render.fps_base), "engine": scene.render.engine,
        "path": scene.render.filepath, "strips": scene.sequence_editor is None,
    }  # fmt: skip


def figure_box(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns (of (H, W, 4)) with the figure's reddish colour in them."""
    reddish = pixels[..., 0] > pixels[..., 2] + 0.15
    return np.flatnonzero(reddish.any(1)), np.flatnonzero(reddish.any(0))


def test_still_shows_the_whole_figure_and_leaves_no_trace(figure, tmp_path):
    before = snapshot()
    out = render_still(bpy.context, figure, 20, tmp_path / "new" / "still.png", size=(240, 300), samples=0)
    assert snapshot() == before
    pixels = _load(out)
    assert pixels.shape == (300, 240, 4)
    rows, columns = figure_box(pixels)
    assert 3 <= rows[0] < 80, "head inside, and high up"
    assert 240 < rows[-1] <= 297, "feet inside, and low"
    assert columns[0] >= 3
    assert columns[-1] <= 236
    corner = pixels[:8, :8, :3]
    assert 0.5 < corner.mean() < 0.98, "a light backdrop"
    assert np.ptp(corner.mean((0, 1))) < 0.1, "without a tint"
    floor = pixels[230:, :, :3]
    shaded = (floor.mean(-1) < corner.mean() - 0.08) & (np.ptp(floor, axis=-1) < 0.06)
    assert shaded.sum() > 60, "a grey shadow at the feet"


def test_still_shows_the_frame_asked_for(figure, tmp_path):
    heights = [
        figure_box(_load(render_still(bpy.context, figure, f, tmp_path / "s.png", (240, 300), "front", samples=0)))[1]
        for f in (1, 24)
    ]
    down, up = (columns[-1] - columns[0] for columns in heights)
    assert abs(down - up) > 3, "the arm hangs at frame 1 and is raised at frame 24"


def test_film_has_every_frame_and_the_sound(figure, tmp_path):
    before = snapshot()
    out = render_film(bpy.context, figure, DEMO, tmp_path / "film.mp4", start=1, end=24, size=(160, 180), samples=0)
    assert snapshot() == before
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed; the film was written but not looked into")
    ask = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(out)]
    streams = {s["codec_type"]: s for s in json.loads(subprocess.check_output(ask))["streams"]}
    assert streams["video"]["codec_name"] == "h264"
    assert int(streams["video"]["nb_read_frames"]) == 24
    assert (streams["video"]["width"], streams["video"]["height"]) == (160, 180)
    assert streams["audio"]["codec_name"] == "aac"
    assert abs(float(streams["audio"]["duration"]) - 1.0) < 0.1


@pytest.mark.parametrize("closeup", [None, "face", "hands"])
def test_sheet_has_two_views_and_a_word_in_each_cell(figure, tmp_path, closeup):
    before = snapshot()
    words = [("hello", 0.0, 0.4), ("three", 0.6, 0.9)]
    out = render_sheet(
        bpy.context, figure, words, tmp_path / "sheet.png",
        start_frame=1, fps=24, seconds=1.0, count=2, closeup=closeup, cell=(120, 160), samples=0,
    )  # fmt: skip
    assert snapshot() == before
    pixels = _load(out)
    assert pixels.shape[1] == 2 * 240 + 3 * 10
    for left in (10, 130, 260, 380):
        assert len(figure_box(pixels[10:170, left : left + 120])[0]) > 20, f"a figure in the view at {left}"
    for left in (10, 260):
        label = pixels[172:212, left : left + 100, :3]
        assert label.min() < 0.4 < 0.85 < label.max(), "dark letters on light paper"
    first, second = pixels[10:170, 10:130], pixels[10:170, 260:380]
    if closeup != "face":
        assert np.abs(first - second).max() > 0.2, "the arm moves from cell to cell"


def test_bad_wishes_are_refused_in_one_sentence_and_leave_no_trace(figure, tmp_path):
    before = snapshot()
    text = tmp_path / "no_sound.wav"
    text.write_text("not a sound", encoding="utf-8")
    with pytest.raises(PreviewError, match="can't read the sound"):
        render_film(bpy.context, figure, text, tmp_path / "a.mp4", start=1, end=2)
    with pytest.raises(PreviewError, match="before it starts"):
        render_film(bpy.context, figure, None, tmp_path / "a.mp4", start=5, end=2)
    with pytest.raises(PreviewError, match="choose one of"):
        render_still(bpy.context, figure, 1, tmp_path / "a.png", camera="above")
    with pytest.raises(PreviewError, match="no armature"):
        render_still(bpy.context, bpy.data.objects["Body"], 1, tmp_path / "a.png")
    with pytest.raises(PreviewError, match="choose face or hands"):
        render_sheet(bpy.context, figure, [], tmp_path / "a.png", start_frame=1, fps=24, seconds=1, closeup="feet")
    assert snapshot() == before


def test_command_line_writes_stills(figure, tmp_path):
    blend = tmp_path / "figure.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    command = [sys.executable, "-m", "addon.preview", str(blend), str(tmp_path / "out"), "--frames", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["00001_front.png", "00001_three_quarter.png"]


@given(
    st.lists(st.tuples(*[st.floats(-3, 3)] * 3), min_size=1, max_size=12),
    st.floats(-90, 90),
    st.sampled_from([(200, 300), (300, 200), (100, 100)]),
)
@settings(max_examples=60, deadline=None)
def test_fitted_camera_sees_every_point_and_touches_an_edge(cloud, azimuth, size):
    points = np.concatenate([np.array(cloud), [[0, 0, 0], [0.1, 0.1, 1.0]]])
    shot = framing.fit(points, framing.view_rotation(FACING, azimuth), size, margin=0.1, head_room=0.0)
    local = (points - shot.position) @ shot.rotation
    assert (local[:, 2] < 0).all(), "in front of the camera"
    half_height = framing.SENSOR_MM / 2 / framing.LENS_MM
    edge = np.abs(local[:, :2] / -local[:, 2:]) / (half_height * np.array([size[0] / size[1], 1.0]))
    assert edge.max() == pytest.approx(0.8, abs=1e-6)


@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.05, 1.0)), max_size=40),
    st.lists(st.floats(0, 20), max_size=10),
    st.integers(1, 16),
)
@settings(max_examples=80, deadline=None)
def test_moments_are_spread_over_the_take(spans, apexes, count):
    words = [(f"w{i}", start, start + length) for i, (start, length) in enumerate(spans)]
    moments = pick_moments(words, 20.0, count, apexes)
    assert len(moments) == count
    for number, moment in enumerate(moments):
        assert 20.0 / count * number - 1e-9 <= moment.time <= 20.0 / count * (number + 1) + 1e-9
        assert moment.text == word_at(words, moment.time)


def test_apexes_come_before_words_and_pauses_have_no_word():
    words = [("three", 1.0, 1.4), ("things", 1.5, 1.9)]
    first, second = pick_moments(words, 4.0, 2, apexes=[1.2])
    assert (first.time, first.text) == (1.2, "three")
    assert (second.time, second.text) == (3.0, "")
