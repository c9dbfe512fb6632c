"""SmartBody's formats, the way to our skeleton, and the rebuilt corpus, on small files written by rule."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from engine.body.rotations import axis_angle_to_matrix, geodesic_angle
from engine.body.skeleton import default_skeleton
from engine.cli import app
from engine.errors import CospeechError
from engine.training.corpus import read_corpus
from engine.training.smartbody import Rig, played, read_motion, read_skeleton
from engine.training.smartbody_corpus import describe, import_smartbody, phases, used_hands
from engine.training.smartbody_retarget import FINGER_NAMES, Retarget
from tests.places import CORPUS

Joint = tuple[str, str, tuple[float, float, float], tuple[float, float, float, float]]


def character() -> list[Joint]:
    """A T-pose: name, parent, offset in the parent's frame, prerot (axis, degrees); every frame but the limbs' is
    the world's."""
    joints: list[Joint] = []
    frames: dict[str, Rotation] = {"": Rotation.identity()}

    def add(name: str, parent: str, offset: tuple[float, float, float], frame: Rotation | None = None) -> None:
        frames[name] = frame or frames[parent]
        local = frames[parent].inv() * frames[name]
        turn = local.as_rotvec()
        angle = float(np.linalg.norm(turn))
        axis = turn / angle if angle > 1e-9 else turn
        place = frames[parent].inv().apply(offset)
        joints.append((name, parent, tuple(place), (*axis, float(np.degrees(angle)))))

    world = Rotation.identity()
    add("JtRoot", "", (0.0, 0.95, 0.0))
    spine = (("JtSpineA", 0.1), ("JtSpineB", 0.12), ("JtSpineC", 0.12), ("JtNeckA", 0.2), ("JtNeckB", 0.03))
    parent = "JtRoot"
    for name, height in (*spine, ("JtSkullA", 0.05)):
        add(name, parent, (0.0, height, 0.0))
        parent = name
    for side, sign in (("Lf", 1.0), ("Rt", -1.0)):
        add(f"JtEye{side}", "JtSkullA", (0.03 * sign, 0.08, 0.08))
        add(f"JtHip{side}", "JtRoot", (0.09 * sign, -0.06, 0.0))
        add(f"JtKnee{side}", f"JtHip{side}", (0.01 * sign, -0.42, 0.0))
        add(f"JtAnkle{side}", f"JtKnee{side}", (0.0, -0.4, -0.03))
        # Flexion is about -y for the left arm, +y for the right one, so z turns there: x stays the world's.
        arm = Rotation.from_euler("x", 90.0 * sign, degrees=True)
        add(f"JtClavicle{side}", "JtSpineC", (0.04 * sign, 0.15, 0.0), world)
        add(f"JtShoulder{side}", f"JtClavicle{side}", (0.12 * sign, 0.0, 0.0), arm)
        add(f"JtUpperArmTwistB{side}", f"JtShoulder{side}", (0.27 * sign, 0.0, 0.0))
        add(f"JtElbow{side}", f"JtUpperArmTwistB{side}", (0.0, 0.0, 0.0))
        add(f"JtForearmTwistB{side}", f"JtElbow{side}", (0.25 * sign, 0.0, 0.0))
        add(f"JtWrist{side}", f"JtForearmTwistB{side}", (0.0, 0.0, 0.0))
        # Fingers bend towards the floor: about -z for the left hand, +z for the right one.
        hand = world if sign < 0.0 else Rotation.from_euler("x", 180.0, degrees=True)
        for place, finger in enumerate(FINGER_NAMES):
            across = (0.03, 0.01, -0.03, -0.01, 0.04)[place]
            parent = f"JtWrist{side}"
            for number, letter in enumerate("ABCD"):
                offset = (0.09 * sign, 0.0, across) if number == 0 else (0.03 * sign, 0.0, 0.0)
                add(f"Jt{finger}{letter}{side}", parent, offset, hand)
                parent = f"Jt{finger}{letter}{side}"
    return joints


def skeleton_text(joints: list[Joint]) -> str:
    def block(joint: Joint) -> str:
        name, parent, offset, (x, y, z, degrees) = joint
        inner = "".join(block(other) for other in joints if other[1] == name)
        place = " ".join(f"{value:.9f}" for value in offset)
        turn = f"prerot axis {x:.9f} {y:.9f} {z:.9f} ang {degrees:.9f}"
        return f"{'joint' if parent else 'root'} {name}\n{{ offset {place}\n  {turn}\n  channel Quat\n{inner}}}\n"

    return "# SK Skeleton Definition\nset_name Chr\n\nskeleton\n" + block(joints[0])


def motion_text(channels: dict[str, np.ndarray], fps: float = 30.0) -> str:
    table = np.concatenate(list(channels.values()), axis=1)
    frames = [
        f"kt {place / fps:.6f} fr " + " ".join(f"{value:.7f}" for value in row) for place, row in enumerate(table)
    ]
    names = "\n".join(channels)
    head = f'SkMotion\n\nname "x"\n\nchannels {len(channels)}\n{names}\n\nframes {len(table)}\n'
    return head + "\n".join(frames) + "\n\nready time: 0.300000\nrelax time: 1.200000\n"


def gesture(side: str = "Rt", count: int = 70) -> dict[str, np.ndarray]:
    """An elbow that bends by up to 100 degrees and comes back, with an upper arm that hangs; the other arm still."""
    times = np.linspace(0.0, 1.0, count)
    bump = np.clip(1.6 * np.sin(np.pi * np.clip((times - 0.2) / 0.6, 0.0, 1.0)), 0.0, 1.0)
    still = np.zeros((count, 3))
    # Arms hang from the shoulder: about the joint's own y, which points forward or back.
    hang = {f"JtShoulder{name} Quat": still - np.radians([0.0, 70.0, 0.0]) for name in ("Lf", "Rt")}
    return {
        "JtRoot XPos": np.zeros((count, 1)),
        "JtRoot YPos": np.zeros((count, 1)),
        "JtRoot ZPos": np.zeros((count, 1)),
        "JtRoot Quat": still,
        **hang,
        f"JtElbow{side} Quat": bump[:, None] * [0.0, 0.0, np.radians(100.0)],
        "JtLipLowerMid Quat": still,
    }


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Rig:
    file = tmp_path_factory.mktemp("rig") / "ChrMade.sk"
    file.write_text(skeleton_text(character()))
    return read_skeleton(file)


def written(folder: Path, names: dict[str, str], text: str | None = None) -> Path:
    """A behaviour set with a character and motions, as SmartBody's folders are."""
    for part in ("motions", "skeletons"):
        (folder / "Made" / part).mkdir(parents=True)
    (folder / "Made/skeletons/ChrMade.sk").write_text(text or skeleton_text(character()))
    for name, content in names.items():
        (folder / f"Made/motions/{name}.skm").write_text(content)
    return folder


def recorded(folder: Path, channels: dict[str, np.ndarray], fps: float = 30.0):
    file = folder / "motion.skm"
    file.write_text(motion_text(channels, fps))
    return read_motion(file)


def test_a_skeleton_has_its_tree_places_and_turns(rig):
    assert len(rig.names) == len(character())
    assert rig.parents[rig.index("JtSpineB")] == rig.index("JtSpineA")
    turns, points = rig.bind()
    assert points[rig.index("JtAnkleRt")] == pytest.approx([-0.1, 0.07, -0.03], abs=1e-6)
    assert points[rig.index("JtWristLf")] == pytest.approx([0.68, 1.44, 0.0], abs=1e-6)
    assert turns[rig.index("JtElbowLf")] @ [0.0, 0.0, 1.0] == pytest.approx([0.0, -1.0, 0.0], abs=1e-6)


def test_a_motion_has_its_channels_times_and_notes(tmp_path):
    made = gesture()
    found = recorded(tmp_path, made)
    assert set(found.channels) == {(name.split()[0], name.split()[1].lower()) for name in made}
    assert np.allclose(found.channels["JtElbowRt", "quat"], made["JtElbowRt Quat"], atol=1e-6)
    assert found.notes == {"ready": 0.3, "relax": 1.2}
    assert found.seconds[[0, -1]] == pytest.approx([0.0, 69 / 30.0], abs=1e-5)


def test_the_pose_without_a_motion_is_our_rest_pose(rig):
    """A T-pose with straight arms along x: ours too, so trunk, arms and fingers don't turn."""
    turns, points = (value[None].repeat(2, axis=0) for value in rig.bind())
    poses, trans = Retarget(rig, default_skeleton()).run(turns, points)
    still = np.degrees(np.linalg.norm(poses[0], axis=1))
    assert still[[0, 3, 6, 9, 12, 13, 14, 15, 22, 23, 24]].max() < 1e-4
    # Our arm hangs in the T-pose by the corpus' own slope; fingers differ in their fan.
    assert still[[16, 17, 18, 19]].max() < 10.0
    assert np.allclose(poses[0], poses[1])
    assert np.allclose(trans[0, [0, 2]], 0.0, atol=0.05)


@pytest.mark.parametrize(("side", "elbow"), [("Lf", 18), ("Rt", 19)])
def test_a_bent_elbow_bends_ours_by_as_much_and_nothing_else(rig, tmp_path, side, elbow):
    poses, _ = Retarget(rig, default_skeleton()).run(*played(rig, recorded(tmp_path, gesture(side))))
    turned = np.degrees(geodesic_angle(*(axis_angle_to_matrix(poses[frame]) for frame in (0, 35))))
    assert turned[elbow] == pytest.approx(100.0, abs=0.1)
    assert np.delete(turned, elbow).max() < 0.1


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-0.7, 0.7), min_size=9, max_size=9))
def test_bones_point_where_the_sources_do(values):
    """Any arm pose: upper arm and forearm have the source's directions in the world."""
    names = ("JtShoulderLf", "JtElbowLf", "JtSpineB")
    joints = character()
    rig = Rig(
        tuple(joint[0] for joint in joints),
        (-1, *(next(i for i, other in enumerate(joints) if other[0] == joint[1]) for joint in joints[1:])),
        np.array([joint[2] for joint in joints]),
        np.array(
            [Rotation.from_rotvec(np.radians(joint[3][3]) * np.array(joint[3][:3])).as_matrix() for joint in joints]
        ),
    )
    local = rig.prerots[None].repeat(2, axis=0)
    for place, name in enumerate(names):
        vector = np.array(values[3 * place : 3 * place + 3])
        vector = vector * [0.0, 0.0, 1.0] if name == "JtElbowLf" else vector
        local[1, rig.index(name)] = local[1, rig.index(name)] @ Rotation.from_rotvec(vector).as_matrix()
    turns, points = rig.forward(local, rig.offsets[None].repeat(2, axis=0))
    skeleton = default_skeleton()
    poses, trans = Retarget(rig, skeleton).run(turns, points)
    found, _ = skeleton.forward(poses, trans)
    for (ours, next_), (theirs, end) in (
        ((16, 18), ("JtShoulderLf", "JtElbowLf")),
        ((18, 20), ("JtElbowLf", "JtWristLf")),
    ):
        bone, wanted = found[1, next_] - found[1, ours], points[1, rig.index(end)] - points[1, rig.index(theirs)]
        assert np.cross(bone / np.linalg.norm(bone), wanted / np.linalg.norm(wanted)) == pytest.approx(0.0, abs=1e-6)
        assert bone @ wanted > 0.0


def test_ankles_and_pelvis_go_where_the_sources_go(rig, tmp_path):
    made = gesture()
    sway = np.sin(np.linspace(0.0, 6.0, 70))[:, None]
    made["JtRoot XPos"], made["JtRoot YPos"] = 0.03 * sway, -0.02 * sway**2
    made["JtRoot Quat"] = np.zeros((70, 3))
    # The source's legs are stiff, so its ankles sway with the root, and ours have to sway as they do.
    skeleton = default_skeleton()
    turns, points = played(rig, recorded(tmp_path, made))
    retarget = Retarget(rig, skeleton)
    poses, trans = retarget.run(turns, points)
    found, _ = skeleton.forward(poses, trans)
    theirs = points[:, rig.index("JtAnkleLf")]
    scale = np.ptp(found[:, 7, 0]) / np.ptp(theirs[:, 0])
    assert 0.9 < scale < 1.2
    assert np.allclose(found[:, 7] - found[0, 7], scale * (theirs - theirs[0]), atol=2e-3)
    assert abs(np.ptp(trans[:, 0]) - scale * 0.06) < 2e-3


def test_centimetres_and_another_rate_give_the_same_motion(rig, tmp_path):
    skeleton = default_skeleton()
    plain = Retarget(rig, skeleton).run(*played(rig, recorded(tmp_path, gesture())))
    large = rig.scaled(100.0)
    poses, trans = Retarget(large, skeleton).run(*played(large, recorded(tmp_path, gesture())))
    assert np.allclose(poses, plain[0], atol=1e-9)
    assert np.allclose(trans, plain[1], atol=1e-9)
    poses, _ = Retarget(rig, skeleton).run(*played(rig, recorded(tmp_path, gesture(count=277), 120.0)))
    assert len(poses) == 70
    assert np.degrees(geodesic_angle(*(axis_angle_to_matrix(value[35]) for value in (poses, plain[0])))).max() < 3.0


def test_a_rebuilt_corpus_is_read_like_the_published_one(tmp_path):
    right, left = motion_text(gesture("Rt")), motion_text(gesture("Lf"))
    names = {
        "ChrMade@Idle01_StopRt01": right,
        "ChrMade2@Idle01_StopRt01": right,
        "ChrMade@IdleStand02_ChopLf02": left,
        "ChrMade@Idle01": right,
        "ChrMade@Idle01_Guitar01": right,
    }
    source, out = written(tmp_path / "source", names), tmp_path / "corpus"
    result = CliRunner().invoke(app, ["train", "import-smartbody", str(source), str(out)])
    assert result.exit_code == 0, result.output
    assert "4 clips; 1 motions left out" in result.output
    with (out / "clips.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["clip"]: row for row in csv.DictReader(stream)}
    assert rows["Made/ChrMade@Idle01"]["group"] == "idle"
    stop = rows["Made/ChrMade@Idle01_StopRt01"]
    assert (stop["gclass"], stop["hands"], stop["ready"]) == ("stop", "right", "0.3")
    takes = [row["split_group"] for row in rows.values() if row["group"] == "gesture"]
    assert takes[0] == takes[1] != takes[2]
    assert stop["duplicate_of"] == "Made/ChrMade2@Idle01_StopRt01"
    clips = read_corpus(out)
    assert [clip.info.gclass for clip in clips] == ["stop", "stop", "chop"]
    assert {clip.info.hands for clip in clips} == {"right"}
    assert [clip.info.shared for clip in clips] == [True, False, True]
    assert 0.3 < clips[0].info.excursion < 0.6


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("ChrBrad@Idle01_BeatFistMidLf02", ("Brad", "beat_mid", "left")),
        ("ChrGarza@IdleStand01_YouForwardBt01", ("Garza", "you", "both")),
        ("ChrBrad2@Idle03_DeicticLeft", ("Brad", "indicate_left", "")),
        ("ChrConnor@IdleStand01_Shrug01", ("Connor", "shrug", "both")),
        ("ChrConnor@IdleStand01", ("Connor", "idle", "")),
        ("ChrBrad@Idle01_ToWalk01_Turn90", None),
        ("walk", None),
    ],
)
def test_names_say_what_a_clip_shows(stem, expected):
    found = describe(stem)
    assert (found and (found["actor"], found["gclass"], found["hands_name"])) == expected


def test_hands_and_phases_are_measured():
    assert [used_hands(np.array(ways)) for ways in ((0.01, 0.02), (0.5, 0.1), (0.1, 0.5), (0.4, 0.5))] == [
        "none",
        "left",
        "right",
        "both",
    ]
    wrists = np.zeros((60, 2, 3))
    wrists[:, 1, 0] = np.interp(np.arange(60), [10, 20, 40, 50], [0.0, 1.0, 1.0, 0.0])
    assert phases(wrists, "right") == {"m_onset": 0.333, "m_apex0": 0.667, "m_apex1": 1.333, "m_return": 1.6}
    assert set(phases(wrists, "left").values()) == {""}


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.exists(), reason="needs the gesture corpus in ../shared/corpus")
def test_names_phases_and_hands_are_those_of_the_corpus():
    """Every clip of the four character sets: class, take and named hands equal; phases measured on its own poses."""
    with (CORPUS / "clips.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with np.load(CORPUS / "poses_straightarm.npz") as data:
        poses = data["poses"].reshape(-1, 55, 3)
    seen, off = 0, []
    for row in rows:
        if row["source"].split("/")[1] not in ("Gestures", "Gestures2", "FemaleGestures", "MaleGestures"):
            continue
        found = describe(Path(row["source"]).stem)
        if row["group"] not in ("gesture", "idle"):
            assert found is None
            continue
        seen += 1
        assert found
        assert all(found[name] == row[name] for name in ("gclass", "take", "actor", "posture"))
        assert row["group"] == "idle" or found["hands_name"] == row["hands_name"]
        if row["m_onset"] and seen % 4 == 0:
            part = slice(int(row["frame0"]), int(row["frame0"]) + int(row["n_frames"]))
            points, _ = default_skeleton().forward(poses[part], np.zeros((part.stop - part.start, 3)))
            measured = phases(points[:, [20, 21]] - points[:, [9]], row["hands"])
            off.append([abs(float(measured[name]) - float(row[name])) for name in measured])
    assert seen == 228
    assert np.mean(np.array(off) < 0.034) > 0.97


BROKEN = {
    "hello": "not a SmartBody skeleton",
    "skeleton root A { offset 0 0 0": "never ends",
    "skeleton root A { offset 0 0 x }": "number was expected",
    "skeleton root A { } }": None,
    "skeleton root A { joint A { } }": "same name",
    "skeleton root A { offset 0 0": "middle of a joint",
    "skeleton }": "never opened",
}


@pytest.mark.parametrize(("text", "message"), BROKEN.items())
def test_damaged_skeletons_are_named_in_one_sentence(tmp_path, text, message):
    file = tmp_path / "mine.sk"
    file.write_text(text)
    if message is None:
        assert read_skeleton(file).names == ("A",)
        return
    with pytest.raises(CospeechError, match=message) as caught:
        read_skeleton(file)
    assert "mine.sk" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "hello", "no line 'channels NUMBER'"),
        (lambda text: text.replace("channels 8", "channels 9"), "channels"),
        (lambda text: text.replace("frames 70", "frames 71"), "70|71 frames"),
        (lambda text: text.replace("Quat", "Euler", 1), "Quat"),
        (lambda text: text.replace("kt 0.033333", "kt 0.000000"), "rise"),
        (lambda text: text.replace("kt 0.033333 fr 0.0000000", "kt 0.033333 fr nan"), "finite"),
        (lambda text: text.replace("kt 0.033333 fr 0.0000000", "kt 0.033333 fr what"), "number was expected"),
        (lambda text: text.replace("kt 0.033333 fr 0.0000000", "kt 0.033333 fr"), "values"),
    ],
)
def test_damaged_motions_are_named_in_one_sentence(tmp_path, change, message):
    file = tmp_path / "mine.skm"
    file.write_text(change(motion_text(gesture())))
    with pytest.raises(CospeechError, match=message) as caught:
        read_motion(file)
    assert "mine.skm" in str(caught.value)
    assert str(caught.value).count(". ") == 0


def test_folders_without_anything_to_import_are_named(tmp_path):
    def silent(stage: str, fraction: float) -> None:
        assert stage
        assert 0.0 <= fraction <= 1.0

    with pytest.raises(CospeechError, match=r"no \.skm file"):
        import_smartbody(tmp_path, tmp_path / "out", silent)
    text = motion_text(gesture())
    other = written(tmp_path / "other", {"ChrMade@Idle01_StopRt01": text}, "skeleton root base { offset 0 0 0 }")
    with pytest.raises(CospeechError, match="Jt character"):
        import_smartbody(other, tmp_path / "out", silent)
    lame = skeleton_text([joint for joint in character() if joint[0] != "JtEyeLf"])
    lacking = written(tmp_path / "lacking", {"ChrMade@Idle01_StopRt01": text}, lame)
    with pytest.raises(CospeechError, match="JtEyeLf"):
        import_smartbody(lacking, tmp_path / "out", silent)
    (tmp_path / "blocked").write_text("a file")
    good = written(tmp_path / "good", {"ChrMade@Idle01_StopRt01": text})
    with pytest.raises(CospeechError, match="choose another folder"):
        import_smartbody(good, tmp_path / "blocked", silent)
