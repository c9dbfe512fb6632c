"""SemTalk gives the published networks' numbers, with weights computed by rule (tests/golden/semtalk/README.md).

The vectors' folder is COSPEECH_GOLDEN_SEMTALK, else the one beside this file. Lengths, frames, speakers and batch sizes
come from the files; what a file does not hold is skipped.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generators.published.semtalk_hearing import PUBLISHED, beat_features
from engine.models import rotation6d as six
from engine.models.emage_motion import split_parts, whole_body
from engine.models.semtalk import BASE_UNUSED, SPARSE_UNUSED, rhythm_loss
from engine.models.semtalk_body import BODY, PARTS, Shown
from engine.models.semtalk_motion import SEED
from engine.models.semtalk_windows import (
    LineStart,
    Networks,
    SpeechFeatures,
    decode_line,
    joined,
    roll_out,
)
from engine.training.semtalk_losses import SemTalkBatch, base_losses, sparse_losses
from tests.support import semtalk_rule
from tests.support.vectors import VectorFile, near_rotations, near_six

FOLDER = Path(os.environ.get("COSPEECH_GOLDEN_SEMTALK", Path(__file__).parent / "semtalk"))
KEYS = Path(__file__).parent / "semtalk" / "keys"
# Tolerances: vectors.py says where they come from. Largest seen of networks 1.4e-5, of codecs 4.4e-6; MATRIX: the
# decoders' six numbers are off by a codec's error, and where they are short the matrix made of them by more (1.4e-5).
NETWORK, CODEC, ROTATION, MATRIX, LOSS = 6e-5, 2e-5, 1e-5, 5e-5, 1e-4
LEVELS, REC_LEVELS, FEW_LEVELS, FEW_TOKENS = [0, 3, 5], [0, 2, 5], [0, 5], slice(None, None, 5)


class Vectors(VectorFile):
    """A file of SemTalk's vectors."""

    def __init__(self, name: str) -> None:
        super().__init__(FOLDER, name)

    def wanted(self, name: str) -> torch.Tensor | None:
        """A stored output, or None where the file does not hold it: then there is nothing to compare with."""
        return self(name) if name in self else None

    def motion(self) -> torch.Tensor:
        """The networks' 337 channels of the stored motion."""
        pose = self("pose_aa")
        return whole_body(pose.unflatten(-1, (55, 3)), self("trans"), self("contact").float())


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def near(found: torch.Tensor, wanted: torch.Tensor | None, tolerance: float) -> None:
    if wanted is None:
        return
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= tolerance


def stored_frames(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Of a line's frames those that the file holds: every so many."""
    return found[:, :: -(-found.shape[1] // wanted.shape[1])]


def near_rows(found: torch.Tensor, wanted: torch.Tensor | None, tolerance: float) -> None:
    """The same where only every so many frames are stored."""
    if wanted is not None:
        near(stored_frames(found, wanted), wanted, tolerance)


def same(found: torch.Tensor, wanted: torch.Tensor | None) -> None:
    assert wanted is None or torch.equal(found, wanted)


# --- the weights' names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["base", "sparse", "global_motion", "rvq_face", "rvq_upper", "rvq_hands", "rvq_lower"])
def test_the_networks_have_the_published_entries(name):
    lines = [line.split("\t") for line in (KEYS / f"keys_{name}.txt").read_text().splitlines()]
    published = {key: tuple(map(int, re.findall(r"\d+", shape))) for key, shape, *_ in lines}
    codecs = semtalk_rule.codecs()
    modules = {"base": semtalk_rule.base, "sparse": semtalk_rule.sparse, "global_motion": lambda: codecs.globe}
    module = modules.get(name, lambda: codecs.codec(name.removeprefix("rvq_")))()
    unused = {"base": BASE_UNUSED, "sparse": SPARSE_UNUSED}.get(name, ())
    assert {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()} == {
        key: shape for key, shape in published.items() if not key.startswith(unused)
    }
    assert all(any(key.startswith(prefix) for key in published) for prefix in unused)


# --- codecs and rotations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_codec(part):
    v, codec = Vectors("rvq"), semtalk_rule.codecs().codec(part)
    motion = v(f"{part}_in")
    near(codec.encoder(motion).transpose(1, 2), v.wanted(f"{part}_prequant"), CODEC)
    rebuilt, found = codec(motion)
    same(found.indices, v.wanted(f"{part}_idx"))
    decoded = codec.decode(v(f"{part}_idx"))
    near(decoded, v.wanted(f"{part}_dec"), CODEC)
    assert float((rebuilt - decoded).abs().max()) <= float(v(f"{part}_fwd_rec_minus_dec_maxabs")) + CODEC
    assert float(found.commitment) == pytest.approx(float(v(f"{part}_commit")), rel=1e-6)
    coarse = codec.decode(v(f"{part}_idx")[..., :3])
    near_rows(coarse, v.wanted(f"{part}_dec_q3"), CODEC)


def test_global_motion():
    v = Vectors("rvq")
    near(semtalk_rule.codecs().globe(v("global_in")), v.wanted("global_out"), CODEC)


def test_features_of_the_frechet_distance():
    v, network = Vectors("rvq"), semtalk_rule.feature_autoencoder()
    features, rebuilt = network(Vectors("window").motion()[..., :330])
    near(features, v.wanted("fgdae_latent"), NETWORK)
    near_rows(rebuilt, v.wanted("fgdae_rec_sub"), NETWORK)


def test_rotations():
    v = Vectors("rvq")
    near(six.axis_angle_to_6d(v("rot_aa")), v.wanted("rot_6d"), ROTATION)
    near_rotations(six.six_to_axis_angle(v("rot_6d")), v("rot_aa_back"), ROTATION)
    near(six.matrix_from_6d(v("rot_raw6")), v.wanted("rot_raw6_mat"), ROTATION)
    near_rotations(six.six_to_axis_angle(v("rot_raw6")), v("rot_raw6_aa"), ROTATION)


# --- a window -----------------------------------------------------------------------------------------------------


def shown(v: Vectors, hidden: torch.Tensor) -> Shown:
    return Shown(v.motion(), hidden, v("ids")[..., 0])


def seed_mask(motion: torch.Tensor) -> torch.Tensor:
    hidden = torch.ones_like(motion, dtype=torch.bool)
    hidden[:, :SEED] = False
    return hidden


@cache
def heard(name: str):
    v = Vectors("window")
    if name == "base":
        return semtalk_rule.base().hear(v("hubert"), v("beat"))
    return semtalk_rule.sparse().hear(v("hubert"), v("in_word"), v("clip_text")[:, 0])


def test_motion_is_what_the_networks_see():
    v = Vectors("window")
    motion = v.motion()
    near_rows(motion, v.wanted("latent_all_sub"), ROTATION)


def check_tokens(v: Vectors, name: str, found, parts) -> None:
    for part in parts:
        near(found.logits[part].permute(0, 1, 3, 2)[..., LEVELS], v.wanted(f"{name}_cls_{part}"), NETWORK)
        near(found.latents[part].transpose(1, 2)[:, REC_LEVELS, ::2], v.wanted(f"{name}_rec_{part}"), NETWORK)
        same(found.logits[part].argmax(-1), v.wanted(f"{name}_tok_{part}"))


def check_few(v: Vectors, name: str, found, parts) -> None:
    for part in parts:
        near(
            found.logits[part].permute(0, 1, 3, 2)[:, FEW_TOKENS][..., FEW_LEVELS],
            v.wanted(f"{name}_cls_{part}"),
            NETWORK,
        )


def test_base_window():
    v = Vectors("window")
    found = semtalk_rule.base()(heard("base"), shown(v, seed_mask(v.motion())))
    check_tokens(v, "base", found.tokens, PARTS)
    for part, name in (("face", "hubert"), ("hands", "beat")):
        loss = rhythm_loss(found.moved[part], heard("base").pulse[part])
        assert float(loss) == pytest.approx(float(v(f"base_{name}_cons_loss")), rel=LOSS)


@pytest.mark.parametrize("speech", [True, False])
def test_base_window_with_a_random_mask(speech):
    v = Vectors("window")
    found = semtalk_rule.base()(heard("base"), shown(v, v("mask_rand")), speech)
    check_few(v, "base_word" if speech else "base_noword", found.tokens, PARTS)


def test_sparse_window():
    v = Vectors("window")
    near(heard("sparse").gate, v.wanted("sparse_gate"), NETWORK)
    check_tokens(v, "sparse", semtalk_rule.sparse()(heard("sparse"), shown(v, seed_mask(v.motion()))), BODY)


def test_sparse_window_with_a_random_mask_and_without_speech():
    v = Vectors("window")
    found = semtalk_rule.sparse()(heard("sparse"), shown(v, v("mask_rand")), False)
    check_few(v, "sparse_noword", found, BODY)


def test_losses():
    v = Vectors("window")
    wanted = json.loads(v.array("loss_json").tobytes())
    codecs, motion = semtalk_rule.codecs(), v.motion()
    codes = {part: codecs.codec(part).to_indices(values) for part, values in split_parts(motion, v("exps")).items()}
    inputs = [v(name) for name in ("hubert", "beat", "in_word")]
    batch = SemTalkBatch(*inputs, v("clip_text")[:, 0], v("ids")[..., 0], motion, codes, v("mask_rand"), v("sem_mean"))
    base = base_losses(semtalk_rule.base(), codecs, batch, published=True)
    sparse = sparse_losses(semtalk_rule.sparse(), codecs, batch)
    for found, name in ((base, "base"), (sparse, "sparse")):
        assert float(sum(found.values())) == pytest.approx(wanted[f"{name}_total"], rel=LOSS)
        meters = wanted[name]
        for step, tail in (("full", ""), ("self", "_self"), ("word", "_word")):
            assert float(found[f"latent_{step}"]) * 6 == pytest.approx(meters[f"latent{tail}"], rel=LOSS)
            assert float(found[f"codes_{step}"]) == pytest.approx(meters[f"cls_{step}"], rel=LOSS)
    assert float(base["rhythm_face"]) == pytest.approx(wanted["base"]["hubert_cons"], rel=LOSS)
    assert float(base["rhythm_hands"]) == pytest.approx(wanted["base"]["beat_cons"], rel=LOSS)
    assert float(sparse["gate"]) == pytest.approx(wanted["sparse"]["sem"], rel=LOSS)
    agree = (heard("sparse").gate.argmax(-1) == 1) == (batch.meaning > 0)
    assert float(agree.float().mean()) == pytest.approx(wanted["sparse"]["gate"])


# --- the beat -----------------------------------------------------------------------------------------------------


def test_beat_features():
    v = Vectors("beat_synth")
    wave = v.array("wav_int16").astype(np.float32) / 32768.0
    found, wanted = beat_features(wave, PUBLISHED), v.array("beat")
    assert found.shape == wanted.shape
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-6)


# --- a line -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["full", "baseonly"])
def test_roll_out(name):
    v = Vectors("rollout")
    sparse = semtalk_rule.sparse() if name == "full" else None
    networks = Networks(semtalk_rule.base(), sparse, semtalk_rule.codecs())
    features = SpeechFeatures(v("hubert"), v("beat"), v("in_word"), v("clip_text"))
    start = v("trans")[:, 0]
    pieces = roll_out(networks, features, LineStart(v.motion()[:, :SEED], start, v("ids")[:, 0, 0]))
    seeds, wanted = torch.cat([piece.seed for piece in pieces]), v(f"{name}_seed4")
    near_six(seeds[..., :330], wanted[..., :330], MATRIX)
    near(seeds[..., 330:], wanted[..., 330:], NETWORK)
    if name == "full":
        near(torch.cat([piece.gate for piece in pieces]), v.wanted("full_gate_logits"), NETWORK)
    tokens = joined(pieces)
    for part in PARTS:
        same(tokens[part], v.wanted(f"{name}_tok_{part}"))
    motion, trans = decode_line(networks.codecs, pieces, start)
    near(trans, v.wanted(f"{name}_trans"), NETWORK)
    wanted = v(f"{name}_pose6d_sub")
    near_six(stored_frames(motion.channels[..., :330], wanted), wanted, MATRIX)
    near_rows(motion.expression, v.wanted(f"{name}_exps_sub"), NETWORK)
    wanted = v.wanted(f"{name}_pose_aa_sub")
    if wanted is not None:
        near_rotations(stored_frames(motion.axis_angle.flatten(2), wanted), wanted, MATRIX)
