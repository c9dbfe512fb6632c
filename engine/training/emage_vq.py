"""Training of EMAGE's codecs and of its auto-encoder of global motion (docs/sources/emage.md, section 8.2).

The losses on the SMPL-X mesh need the user's licensed model; without it they are off, and :func:`mesh.mesh_note` says
so. Joint positions are taken on our own skeleton then.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.body.joints import FOOT_JOINTS
from engine.body.skeleton import default_skeleton
from engine.body.smplx_model import BodyModel
from engine.models.codecs import CodecSize, MotionAutoencoder, MotionCodec
from engine.models.emage_motion import FPS, LOWER_ROTATIONS, PART_JOINTS, integrate
from engine.models.rotation6d import matrix_from_6d
from engine.training.emage_data import EmageData
from engine.training.loop import Batch, RunOptions
from engine.training.mesh import PartBody
from engine.training.start import start_codec

CODEC_PARTS = ("face", "upper", "hands", "lower", "global")
# EMAGE's release (docs/sources/emage.md, sections 1.2, 2.2 and 8.2), where it is not said otherwise.
CHANNELS = {"face": 106, "upper": 78, "hands": 180, "lower": 61, "global": 61}  # of a frame
DEPTH = {"face": 2, "upper": 2, "hands": 2, "lower": 4, "global": 4}  # layers
BETAS = (0.5, 0.999)  # Adam's
FOOT_WEIGHT, FOOT_CONTACT = 20.0, 0.95  # no unit; contact from which a foot stands
GLOBAL_WEIGHT = 5.0  # no unit
NEARLY_ONE = 1.0 - 1e-6  # cosine, ours: beyond it the arc cosine has no gradient
TRANS = slice(LOWER_ROTATIONS, LOWER_ROTATIONS + 3)  # channels
EXPRESSION = slice(6, None)  # channels
CONTACTS = slice(LOWER_ROTATIONS + 3, LOWER_ROTATIONS + 7)  # channels
REVIVE_STEPS, REVIVE_WINDOWS = 20, 64  # ours, by eye: from reviving to reviving, and what is looked at


def codec_size(part: str, latent: int = 256, codes: int = 256) -> CodecSize:
    """The published sizes of a part's codec; the global auto-encoder has no codes."""
    return CodecSize(CHANNELS[part], latent, DEPTH[part], 0 if part == "global" else codes)


def rotations_of(values: Tensor, joints: int) -> Tensor:
    """(B, T, joints, 3, 3) of the first 6 x joints channels."""
    return matrix_from_6d(values[..., : 6 * joints].reshape(*values.shape[:2], joints, 6))


def geodesic(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean angle between rotations (..., 3, 3), radians."""
    trace = (found * wanted).sum((-1, -2))  # tr(A B^T)
    return torch.acos(((trace - 1.0) / 2.0).clamp(-NEARLY_ONE, NEARLY_ONE)).mean()


def moving(found: Tensor, wanted: Tensor, squared: bool = False) -> Tensor:
    """Losses on first and second differences along time (axis 1)."""
    measure = functional.mse_loss if squared else functional.l1_loss
    first, second = found.diff(dim=1), wanted.diff(dim=1)
    return measure(first, second) + measure(first.diff(dim=1), second.diff(dim=1))


def lower_joints(rotations: Tensor) -> Tensor:
    """World places (B, T, 55, 3) of our skeleton posed by the lower body's rotations (B, T, 9, 3, 3) alone."""
    skeleton = default_skeleton()
    offsets = torch.from_numpy(skeleton.offsets).to(rotations)
    place = {joint: index for index, joint in enumerate(PART_JOINTS["lower"])}
    world: dict[int, Tensor] = {0: rotations[:, :, place[0]]}
    points: dict[int, Tensor] = {0: offsets[0].expand(*rotations.shape[:2], 3)}
    for joint in range(1, len(skeleton.parents)):
        parent = skeleton.parents[joint]
        turn = rotations[:, :, place[joint]] if joint in place else None
        world[joint] = world[parent] if turn is None else world[parent] @ turn
        points[joint] = points[parent] + world[parent] @ offsets[joint]
    return torch.stack([points[joint] for joint in range(len(skeleton.parents))], dim=2)


def mesh_losses(found: Tensor, wanted: Tensor, squared: bool, weight: float = 1.0) -> dict[str, Tensor]:
    """Losses on vertices (B, T, V, 3): squared distance, and first and second differences along time."""
    return {
        "vertices": functional.mse_loss(found, wanted),
        "vertices_motion": weight * moving(found, wanted, squared),
    }


def foot_lock(places: Tensor, contacts: Tensor) -> Tensor:
    """How far feet of (B, T, 55, 3) go a frame while their found ``contacts`` (B, T, 4) say that they stand."""
    steps = places[:, :, list(FOOT_JOINTS)].diff(dim=1).norm(dim=-1)
    planted = (contacts[:, :-1] > FOOT_CONTACT).float()
    lock: Tensor = FOOT_WEIGHT * (steps * planted).mean()
    return lock


class CodecLosses(nn.Module):
    """The losses of one part's codec on a batch of its channels ``x`` (B, T, C), and ``betas`` (B, 300) with a mesh.

    ``published_face``: the release compares jaw as found and expressions as given with jaw as given and expressions as
    found, so its mesh pulls both towards the wrong side; by default what is found stands against what is given.
    """

    def __init__(
        self, part: str, codec: MotionCodec, model: BodyModel | None = None, *, published_face: bool = False
    ) -> None:
        super().__init__()
        self.part, self.codec, self._swapped = part, codec, published_face
        self._body = None if model is None else PartBody(model, part)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses; their sum is trained on."""
        wanted = batch["x"]
        rebuilt, quantized = self.codec(wanted)
        found = rebuilt.float()  # differences along time are too coarse in bfloat16
        joints = len(PART_JOINTS[self.part])
        turned, target = rotations_of(found, joints), rotations_of(wanted, joints)
        losses = {
            "rotation": geodesic(turned, target),
            "motion": moving(turned, target, squared=self.part == "face"),
            "codes": quantized.loss,
        }
        if self.part == "face":
            losses["expression"] = functional.mse_loss(found[..., EXPRESSION], wanted[..., EXPRESSION])
            losses["expression_motion"] = moving(found[..., EXPRESSION], wanted[..., EXPRESSION], squared=True)
        if self.part == "lower":
            losses |= self._feet(found, wanted, turned, target, batch)
        elif self._body is not None:
            losses |= self._mesh(self._body, found, wanted, turned, target, batch["betas"])
        return losses

    def _mesh(
        self, body: PartBody, found: Tensor, wanted: Tensor, turned: Tensor, target: Tensor, betas: Tensor
    ) -> dict[str, Tensor]:
        if self.part != "face":
            return mesh_losses(body.vertices(turned, betas), body.vertices(target, betas), squared=False)
        faces = (found[..., EXPRESSION], wanted[..., EXPRESSION])
        first, second = faces[::-1] if self._swapped else faces
        return mesh_losses(body.vertices(turned, betas, first), body.vertices(target, betas, second), squared=True)

    def _feet(self, found: Tensor, wanted: Tensor, turned: Tensor, target: Tensor, batch: Batch) -> dict[str, Tensor]:
        places, goal = (
            lower_joints(rotations) if self._body is None else self._body.joints(rotations, batch["betas"])
            for rotations in (turned, target)
        )
        return {
            "contact": functional.mse_loss(found[..., CONTACTS], wanted[..., CONTACTS]),
            "joints": functional.mse_loss(places, goal),
            "foot_lock": foot_lock(places, found[..., CONTACTS]),
        }


class GlobalLosses(nn.Module):
    """The losses of the auto-encoder that finds root translation from the lower body's rotations.

    Feet are locked with the legs as given, so that it is the root that learns. The mesh, where there is one, stands as
    the network rebuilds it, rotations and root; without it nothing asks for its rotations, which nobody reads.
    """

    def __init__(self, model: MotionAutoencoder, body: BodyModel | None = None) -> None:
        super().__init__()
        self.model = model
        self._body = None if body is None else PartBody(body, "lower")

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses of ``x`` (B, T, 61), in which the network sees neither translation nor contacts."""
        wanted = batch["x"]
        seen = torch.cat([wanted[..., :LOWER_ROTATIONS], torch.zeros_like(wanted[..., LOWER_ROTATIONS:])], dim=-1)
        found = self.model(seen).float()
        place, went = wanted[..., TRANS], found[..., TRANS]
        speed = torch.cat([place.diff(dim=1), torch.zeros_like(place[:, :1])], dim=1) * FPS
        flat = [0, 2]
        path = torch.stack([integrate(went[..., axis], place[:, 0, axis]) for axis in flat], dim=-1)
        losses = {
            "velocity": functional.l1_loss(went[..., flat], speed[..., flat]),
            "velocity_motion": GLOBAL_WEIGHT * moving(went[..., flat], speed[..., flat]),
            "path": functional.l1_loss(path, place[..., flat]),
            "path_motion": GLOBAL_WEIGHT * moving(path, place[..., flat]),
            "height": functional.l1_loss(went[..., 1], place[..., 1]),
            "contact": functional.mse_loss(found[..., CONTACTS], wanted[..., CONTACTS]),
        }
        root = torch.stack([path[..., 0], went[..., 1], path[..., 1]], dim=-1)[:, :, None]
        return losses | self._contact_losses(found, wanted, root, batch)

    def _contact_losses(self, found: Tensor, wanted: Tensor, root: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Foot lock, and the mesh, under the found ``root`` (B, T, 1, 3)."""
        given = rotations_of(wanted, len(PART_JOINTS["lower"]))
        if self._body is None:
            return {"foot_lock": foot_lock(lower_joints(given) + root, found[..., CONTACTS])}
        betas, place = batch["betas"], wanted[..., TRANS][:, :, None]
        turned = rotations_of(found, len(PART_JOINTS["lower"]))
        rebuilt, goal = self._body.vertices(turned, betas) + root, self._body.vertices(given, betas) + place
        lock = foot_lock(self._body.joints(given, betas) + root, found[..., CONTACTS])
        return {"foot_lock": lock, **mesh_losses(rebuilt, goal, squared=False, weight=GLOBAL_WEIGHT)}


class CodecTask:
    """A part's codec on windows of a data set.

    The published training leaves codes that no latent is nearest to unused for ever; with ``revive`` (a mend) they are
    put where latents are, every REVIVE_STEPS steps of the first half of the training. Without ``published_start``
    (a mend too) a codec starts at the data's mean pose.
    """

    def __init__(
        self,
        data: EmageData,
        part: str,
        size: CodecSize | None = None,
        *,
        revive: bool = True,
        body: BodyModel | None = None,
        published_face: bool = False,
        published_start: bool = False,
    ) -> None:
        made = size or codec_size(part)
        self._with_betas = body is not None
        self._revive = revive and part != "global"
        self.kind, self.sizes = f"emage-vq-{part}", asdict(made)
        self._data, self._part = data, "lower" if part == "global" else part
        self.items = len(data.pieces)
        self.trained: nn.Module
        self.losses: nn.Module
        if part == "global":
            model = MotionAutoencoder(made)
            self.trained, self.losses = model, GlobalLosses(model, body)
        else:
            codec = MotionCodec(made)
            if not published_start:
                start_codec(codec, (values[part] for values in data.clip_parts()))
            self.trained, self.losses = codec, CodecLosses(part, codec, body, published_face=published_face)

    sizes: dict[str, Any]

    def prepare(self, step: int, options: RunOptions) -> None:
        """Move codes that a sample of windows leaves unused onto latents of that sample."""
        if not self._revive or step % REVIVE_STEPS or step > options.steps // 2:
            return
        codec = self.trained
        assert isinstance(codec, MotionCodec)
        rng = np.random.default_rng([options.seed, step])
        items = rng.choice(self.items, size=min(self.items, REVIVE_WINDOWS), replace=False)
        book = codec.quantizer.embedding.weight
        with torch.no_grad():
            latents = codec.encoder(self.batch(items, step)["x"].to(book.device)).flatten(0, 1)
            used = torch.bincount(codec.quantizer.indices(latents), minlength=len(book)) > 0
            unused = torch.nonzero(~used).flatten()
            rows = torch.from_numpy(rng.choice(len(latents), size=len(unused))).to(book.device)
            book[unused] = latents[rows]

    def batch(self, items: NDArray[np.int64], step: int) -> Batch:
        """The part's channels of these windows, and their speakers' betas where there is a body to give them to."""
        channels = {"x": self._data.parts(items)[self._part]}
        return channels | {"betas": self._data.betas(items)} if self._with_betas else channels
