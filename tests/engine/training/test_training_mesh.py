"""Losses on a body model: posed as the ``smplx`` package poses, in the terms that the table names, refused in words."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import smplx
import torch
from typer.testing import CliRunner

from engine.body.rotations import axis_angle_to_matrix as exact_matrix
from engine.body.smplx_model import BodyModelError, Shape, load_body_model
from engine.cli import app
from engine.models.codecs import MotionAutoencoder, MotionCodec
from engine.models.emage_motion import PART_JOINTS
from engine.models.rotation6d import axis_angle_to_6d, axis_angle_to_matrix, matrix_from_6d
from engine.training.beat2 import read_clip, read_list, still_feet
from engine.training.emage_vq import CodecLosses, GlobalLosses, codec_size, foot_lock, mesh_losses
from engine.training.mesh import PartBody, mesh_note, model_places, rotation_vector, whole_pose
from tests.support.small_smplx import COUNT, HEAD, JAW, small_arrays, write_small

PARTS = {"face": 1, "upper": 13, "hands": 30, "lower": 9}
MESH = {"vertices", "vertices_motion"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_body_model(write_small(tmp_path_factory.mktemp("model")))


def random_pose(frames: int, size: float = 0.4) -> torch.Tensor:
    return size * torch.randn(frames, 55, 3, generator=torch.Generator().manual_seed(3))


def test_it_poses_as_the_package_does(tmp_path, model):
    folder, frames = write_small(tmp_path), 5
    own = smplx.create(
        str(folder), "smplx", gender="neutral_2020", num_betas=300, num_expression_coeffs=100, use_pca=False, ext="npz",
        batch_size=frames,
    )  # fmt: skip
    own.vertex_joint_selector.extra_joints_idxs.zero_()  # its landmarks are vertices that a small mesh has not
    draw = torch.Generator().manual_seed(1)
    pose, betas, face = (torch.randn(*s, generator=draw) for s in ((frames, 55, 3), (1, 300), (frames, 100)))
    names = {"global_orient": pose[:, 0], "body_pose": pose[:, 1:22], "jaw_pose": pose[:, 22], "leye_pose": pose[:, 23]}
    names |= {"reye_pose": pose[:, 24], "left_hand_pose": pose[:, 25:40], "right_hand_pose": pose[:, 40:]}
    out = own(betas=betas, expression=face, **{name: value.flatten(1) for name, value in names.items()})
    absolute = pose.clone()
    absolute[:, 25:] += model.hand_mean
    turned, shape = axis_angle_to_matrix(absolute), Shape.of(betas, face)
    assert torch.allclose(model.vertices(turned, shape), out.vertices, atol=3e-6)
    assert torch.allclose(model.joints(turned, shape), out.joints[:, :55], atol=3e-6)


def test_autocast_does_not_round_the_mesh(model):
    turned, shape = axis_angle_to_matrix(random_pose(3)), Shape.of(torch.zeros(1, 300))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model.vertices(turned, shape), model.joints(turned, shape)
    assert torch.equal(rough[0], model.vertices(turned, shape))
    assert torch.equal(rough[1], model.joints(turned, shape))


def test_rotation_vectors_and_their_gradients():
    vectors = torch.tensor([[0.0, 0.0, 0.0], [1e-7, 0.0, 0.0], [1e-3, 2e-4, 0.0], [1.0, -2.0, 0.5], [0.0, 3.0, 0.0]])
    matrices = torch.from_numpy(exact_matrix(vectors.double().numpy())).float().requires_grad_()
    found = rotation_vector(matrices)
    assert torch.allclose(found, vectors, atol=2e-6)
    found.sum().backward()
    assert float(matrices.grad.abs().max()) < 5.0  # the networks' conversion has 1e3 and more here


@pytest.mark.parametrize("part", PARTS)
def test_a_part_moves_its_joints_alone_and_hands_stand_in_their_mean(model, part):
    joints = list(PART_JOINTS[part])
    stored = random_pose(4)[:, joints]
    whole = whole_pose(model, part, axis_angle_to_matrix(stored))
    wanted = torch.zeros(4, 55, 3)
    wanted[:, joints] = stored
    wanted[:, 25:] += model.hand_mean
    assert torch.allclose(whole, axis_angle_to_matrix(wanted), atol=2e-6)


def test_windows_are_posed_whatever_the_chunks_are(model, monkeypatch):
    turned = axis_angle_to_matrix(random_pose(12)[:, list(PART_JOINTS["upper"])]).unflatten(0, (2, 6))
    betas = torch.randn(2, 300, generator=torch.Generator().manual_seed(5))
    body = PartBody(model, "upper")
    together = body.vertices(turned, betas)
    monkeypatch.setattr("engine.training.mesh.CHUNK", 5)
    assert torch.allclose(together, body.vertices(turned, betas), atol=1e-6)
    alone = PartBody(model, "upper").vertices(turned[1:], betas[1:])
    assert torch.allclose(together[1:], alone, atol=1e-6)


def channels(part: str, frames: int = 8) -> torch.Tensor:
    """(2, T, C) of smooth made-up motion of a part."""
    joints = PARTS["lower" if part == "global" else part]
    draw = torch.Generator().manual_seed(7)
    sway = torch.sin(torch.linspace(0, 2, frames))[None, :, None, None] * torch.randn(2, 1, joints, 3, generator=draw)
    six = axis_angle_to_6d(0.4 * sway).flatten(2)
    more = {"face": 100, "lower": 7, "global": 7}.get(part, 0)
    rest = 0.1 * torch.sin(torch.linspace(0, 3, frames))[None, :, None] * torch.randn(2, 1, more, generator=draw)
    return torch.cat([six, rest], dim=-1)


def losses_of(part: str, body, **options):
    torch.manual_seed(2)
    size = codec_size(part, 16, 16)
    module = (
        GlobalLosses(MotionAutoencoder(size), body)
        if part == "global"
        else CodecLosses(part, MotionCodec(size), body, **options)
    )
    betas = torch.randn(2, 300, generator=torch.Generator().manual_seed(8))
    return module, module({"x": channels(part), "betas": betas})


@pytest.mark.parametrize("part", ["face", "upper", "hands", "lower", "global"])
def test_the_mesh_is_in_the_losses_where_the_table_has_it(model, part):
    _, without = losses_of(part, None)
    module, found = losses_of(part, model)
    assert set(found) - set(without) == (set() if part == "lower" else MESH)
    assert all(torch.isfinite(value) for value in found.values())
    same = {"rotation", "motion", "codes", "path", "velocity", "contact"}
    assert all(torch.equal(found[name], without[name]) for name in same & set(without))
    if part == "lower":
        assert not torch.equal(found["joints"], without["joints"])  # the user's joints, not ours
        found["joints"].backward()
    else:
        (found["vertices"] + found["vertices_motion"]).backward()
    assert any(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in module.parameters())
    assert not any("template" in name for name in module.state_dict())  # no copy of the model in a run's files


class Given(torch.nn.Module):
    """Stands where a codec stands and gives back a motion made beforehand, so that losses have known values."""

    def __init__(self, out: torch.Tensor) -> None:
        super().__init__()
        self.out = out

    def forward(self, _wanted: torch.Tensor):
        return self.out, type("Quantized", (), {"loss": torch.zeros(())})()


def test_mesh_terms_are_those_of_the_table(model):
    first, second = torch.zeros(1, 4, 3, 3), torch.zeros(1, 4, 3, 3)
    second[0, :, :, 0] = torch.tensor([0.0, 0.1, 0.3, 0.6])[:, None]  # differences 0.1 0.2 0.3, then 0.1 0.1
    plain, squared = mesh_losses(first, second, squared=False), mesh_losses(first, second, squared=True, weight=5.0)
    assert float(plain["vertices"]) == pytest.approx((0.01 + 0.09 + 0.36) / 12)
    assert float(plain["vertices_motion"]) == pytest.approx((0.6 / 9) + (0.2 / 6))
    assert float(squared["vertices_motion"]) == pytest.approx(5.0 * ((0.14 / 9) + (0.02 / 6)))
    betas, wanted = torch.zeros(2, 300), channels("upper")
    out = wanted + 0.05 * torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    found = CodecLosses("upper", Given(out), model)({"x": wanted, "betas": betas})
    body = PartBody(model, "upper")
    meshes = [body.vertices(matrix_from_6d(x.unflatten(-1, (13, 6))), betas) for x in (out, wanted)]
    assert float(found["vertices"]) == pytest.approx(float(((meshes[0] - meshes[1]) ** 2).mean()), rel=1e-5)


def test_the_release_swaps_jaw_and_expressions(model):
    wanted = channels("face")
    out = wanted.clone()
    out[..., 6:] += 0.5
    out[..., :6] = axis_angle_to_6d(torch.full((2, 8, 3), 0.2))
    batch = {"x": wanted, "betas": torch.zeros(2, 300)}
    intended = CodecLosses("face", Given(out), model)(batch)
    swapped = CodecLosses("face", Given(out), model, published_face=True)(batch)
    body = PartBody(model, "face")
    jaws = [matrix_from_6d(x[..., :6])[:, :, None] for x in (out, wanted)]
    one = body.vertices(jaws[0], batch["betas"], wanted[..., 6:]) - body.vertices(jaws[1], batch["betas"], out[..., 6:])
    assert float(swapped["vertices"]) == pytest.approx(float((one**2).mean()), rel=1e-5)
    assert float(swapped["vertices"]) != pytest.approx(float(intended["vertices"]), rel=0.01)
    exact = CodecLosses("face", Given(wanted), model)(batch)
    assert float(exact["vertices"]) < 1e-12


def test_expressions_and_jaw_move_the_face_alone(model):
    still = PartBody(model, "face")
    jaw = axis_angle_to_matrix(torch.tensor([0.3, 0.4, 0.2])).expand(1, 1, 1, 3, 3)
    none = torch.eye(3).expand(1, 1, 1, 3, 3)
    betas, face = torch.zeros(1, 300), torch.ones(1, 1, 100)
    owner = np.repeat(np.arange(55), COUNT // 55)
    moved = (still.vertices(none, betas, face) - still.vertices(none, betas)).norm(dim=-1)[0, 0].numpy() > 1e-4
    assert set(owner[moved]) == {JAW, HEAD}
    opened = (still.vertices(jaw, betas) - still.vertices(none, betas)).norm(dim=-1)[0, 0].numpy()
    assert opened[owner == JAW].min() > 5.0 * np.median(opened)


def test_feet_are_locked_under_the_root_that_is_found(model):
    """A root that slides costs what the feet slide, with our skeleton and with the model."""
    wanted = channels("global").clone()
    wanted[..., :54] = torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(9)
    wanted[..., 54:] = 0.0
    out = wanted.clone()
    out[..., 57:] = 1.0  # contacts, surely
    out[..., 54] = 0.3  # m/s to the left
    for body in (None, model):
        found = GlobalLosses(Sliding(out), body)({"x": wanted, "betas": torch.zeros(2, 300)})
        assert float(found["foot_lock"]) == pytest.approx(20.0 * 0.3 / 30.0, rel=1e-4)
    assert float(found["vertices_motion"]) == pytest.approx(5.0 * (0.01 / 3.0), rel=1e-3)
    steps = torch.zeros(1, 3, 55, 3)
    steps[0, 1:, 7, 0] = 0.06
    some = torch.tensor([[[1.0, 1, 1, 1], [0.5, 1, 1, 1], [1, 1, 1, 1]]])
    assert float(foot_lock(steps, some)) == pytest.approx(20.0 * 0.06 / 8)
    assert float(foot_lock(steps, torch.full((1, 3, 4), 0.9))) == 0.0


class Sliding(torch.nn.Module):
    """An auto-encoder that gives what it was given beforehand."""

    def __init__(self, out: torch.Tensor) -> None:
        super().__init__()
        self.out = out

    def forward(self, _seen: torch.Tensor) -> torch.Tensor:
        return self.out


def test_contacts_come_from_the_users_feet(one_take, tmp_path, model):
    data = shutil.copytree(one_take, tmp_path / "data", symlinks=True)
    entry = read_list(data)[0]
    ours, theirs = read_clip(data, entry), read_clip(data, entry, model_places(model))
    points = model_places(model)(theirs.poses, theirs.trans, theirs.betas, theirs.expressions)
    assert np.array_equal(theirs.contacts, still_feet(points))
    assert np.mean(ours.contacts == theirs.contacts) > 0.98  # its rest joints are ours
    slid = replace(
        theirs, trans=theirs.trans + np.float32(0.02) * np.arange(len(theirs.trans), dtype=np.float32)[:, None]
    )
    moving = still_feet(model_places(model)(slid.poses, slid.trans, slid.betas, slid.expressions))
    assert moving[:-1].mean() < 0.1
    assert (moving[-1] == 1.0).all()
    (data / "footcontact").mkdir()
    np.save(data / "footcontact" / f"{entry.name}.npy", np.zeros((len(theirs.poses), 4)))
    assert not read_clip(data, entry, model_places(model)).contacts.any()


def test_the_command_trains_with_a_model_and_says_so(one_take, tmp_path):
    folder = write_small(tmp_path / "model")
    words = ["train", "emage-vq", "--data", str(one_take), "--part", "face", "--steps", "2", "--batch", "2"]
    words += ["--latent", "16", "--out"]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "with"), "--smplx", str(folder)], catch_exceptions=False)
    assert f"on: {COUNT} vertices" in done.output
    history = (tmp_path / "with" / "face" / "last" / "run.json").read_text()
    assert all(f'"{name}"' in history for name in MESH)
    done = CliRunner().invoke(app, [*words, str(tmp_path / "without")], catch_exceptions=False)
    assert mesh_note(None) in done.output
    assert "are off" in mesh_note(None)


def test_the_same_command_gives_the_same_weights_cut_or_not(one_take, tmp_path):
    """First weights follow from the seed too, and a mesh changes nothing about resuming."""
    folder = write_small(tmp_path / "model")
    words = ["train", "emage-vq", "--data", str(one_take), "--part", "hands", "--batch", "2", "--latent", "16"]
    words += ["--smplx", str(folder), "--steps"]
    for steps, out in (("3", "whole"), ("2", "cut"), ("3", "cut"), ("3", "other seed")):
        seed = "5" if out == "other seed" else "222"
        more = [steps, "--out", str(tmp_path / out), "--seed", seed]
        assert CliRunner().invoke(app, [*words, *more], catch_exceptions=False).exit_code == 0
    found = [(tmp_path / out / "hands/last/model.safetensors").read_bytes() for out in ("whole", "cut", "other seed")]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_what_is_no_fit_model_is_a_sentence(tmp_path):
    def said(folder) -> str:
        with pytest.raises(BodyModelError) as caught:
            load_body_model(folder)
        return str(caught.value)

    assert "no folder" in said(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "holds no SMPLX_NEUTRAL_2020.npz" in said(tmp_path / "empty")
    male = write_small(tmp_path / "male", name="SMPLX_MALE.npz")
    assert "holds only SMPLX_MALE.npz" in said(male)
    assert "not the neutral model" in said(male / "smplx" / "SMPLX_MALE.npz")
    old = write_small(tmp_path / "old", shapedirs=small_arrays()["shapedirs"][:, :, :20])
    assert "20 shape and expression directions" in said(old)
    pickled = write_small(tmp_path / "pickled", J_regressor=np.array({"a": 1}, dtype=object))
    assert "can't be read" in said(pickled)
    tree = small_arrays()["kintree_table"]
    tree[0, 5] = 3
    assert "another joint tree" in said(write_small(tmp_path / "tree", kintree_table=tree))
    assert "posedirs of shape" in said(write_small(tmp_path / "short", posedirs=np.zeros((COUNT, 3, 207))))
    assert "not numbers" in said(write_small(tmp_path / "nan", v_template=np.full((COUNT, 3), np.nan)))
    other = tmp_path / "other"
    other.mkdir()
    np.savez(other / "SMPLX_NEUTRAL_2020.npz", v_template=np.zeros((5, 3)))
    assert "it holds no shapedirs" in said(other)
    whole = (write_small(tmp_path / "whole") / "smplx" / "SMPLX_NEUTRAL_2020.npz").read_bytes()
    (other / "SMPLX_NEUTRAL_2020.npz").write_bytes(whole[: len(whole) // 2])
    assert "can't be read" in said(other)
