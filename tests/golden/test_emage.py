"""EMAGE gives the published network's numbers, with weights computed by rule (tests/golden/emage/README.md).

The vectors' folder is COSPEECH_GOLDEN_EMAGE, else the one beside this file. Lengths, frames, speakers and batch sizes
come from the files; what a file does not hold is skipped.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.evaluation.published import (
    L1Diversity,
    beat_consistency,
    frechet_distance,
    motion_beats,
    vertex_error,
    vertex_velocity_distance,
)
from engine.models import rotation6d as six
from engine.models.emage import BODY, PARTS
from engine.models.emage_motion import integrate, split_parts, whole_body
from engine.models.emage_windows import choose_codes, decode_line, infer, joined, line_frames
from engine.training.emage_losses import EmageBatch, training_losses
from tests.support import emage_rule
from tests.support.vectors import VectorFile, near_rotations

FOLDER = Path(os.environ.get("COSPEECH_GOLDEN_EMAGE", Path(__file__).parent / "emage"))
# Tolerances: vectors.py says where they come from. Largest seen of the network 1.5e-4, of codecs 1.1e-5, of matrices
# 3e-6. POSE: what the published roots make of that (vectors.root_bound), and a line's travel, summed over its frames.
NETWORK, CODEC, ROTATION, MATRIX, POSE = 5e-4, 1e-4, 1e-5, 2e-5, 5e-3


class Vectors(VectorFile):
    """A file of EMAGE's vectors."""

    def __init__(self, name: str) -> None:
        super().__init__(FOLDER, name)


@cache
def model(speakers: int = 1):
    return emage_rule.emage(speakers)


@cache
def codecs():
    return emage_rule.codecs()


@pytest.fixture(autouse=True)
def no_gradients(request):
    with torch.set_grad_enabled("gradients" in request.keywords):
        yield


def near(found: torch.Tensor, wanted: torch.Tensor, tolerance: float) -> None:
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= tolerance


def same_codes(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert torch.equal(found, wanted)


def seed_mask(motion: torch.Tensor) -> torch.Tensor:
    mask = torch.ones_like(motion, dtype=torch.bool)
    mask[:, :4] = False
    return mask


# --- weights and conversions --------------------------------------------------------------------------------------


def test_the_weights_are_those_of_the_rule():
    prints = json.loads((FOLDER / "weights_fingerprint.json").read_text())
    modules = {"emage": model(), **{part: codecs().codec(part) for part in PARTS}, "global": codecs().globe}
    for tag, module in modules.items():
        state = module.state_dict()
        unknown = set(prints[tag]) - set(state)
        assert all(key.startswith(("transformer_en_layer.", "audio_motion_cross_attn_layer.")) for key in unknown)
        assert not set(state) - set(prints[tag])
        for key, tensor in state.items():
            shape, total, squares, first = prints[tag][key]
            values = tensor.double().flatten()
            assert list(tensor.shape) == shape, key
            assert np.allclose([values.sum(), (values**2).sum()], [total, squares], rtol=1e-6, atol=1e-4), key
            assert np.allclose(values[:3].numpy(), first, rtol=1e-5, atol=1e-6), key


def test_rotations_are_converted_as_published():
    v = Vectors("rotations")
    near(six.axis_angle_to_matrix(v("axis_angle")), v("matrix_from_aa"), ROTATION)
    near(six.axis_angle_to_6d(v("axis_angle")), v("rot6d_from_aa"), ROTATION)
    near(six.matrix_from_6d(v("rot6d_in")), v("matrix_from_rot6d"), ROTATION)
    near(six.matrix_to_quaternion(v("matrix_from_rot6d")), v("quat_from_rot6d"), POSE)
    near_rotations(six.six_to_axis_angle(v("rot6d_in")), v("aa_from_rot6d"), ROTATION)
    near(integrate(v("vel")[..., 0], v("vel_init")[:, 0])[..., None], v("pos"), ROTATION)


def test_motion_splits_into_the_codecs_inputs():
    v = Vectors("motion_split")
    pose = v("axis_angle").reshape(1, -1, 55, 3)
    channels = whole_body(pose, v("trans"), v("contact"))
    near(channels[..., :330], v("rot6d"), ROTATION)
    for part, values in split_parts(channels, v("expression")).items():
        near(values, v(part), ROTATION)


# --- codecs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_codec(part):
    v, codec = Vectors(f"vq_{part}"), codecs().codec(part)
    latent = codec.encoder(v("x"))
    near(latent[:, v("frames")], v("pre_latent"), CODEC)
    same_codes(codec.to_indices(v("x")), v("index"))
    smallest = codec.quantizer.distances(latent).topk(2, largest=False).values
    near(smallest[..., 1] - smallest[..., 0], v("index_margin"), 2e-3)
    near(codec.quantizer.rows(codec.to_indices(v("x")))[:, v("frames")], v("latent_q"), CODEC)
    rebuilt, found = codec(v("x"))
    near(rebuilt, v("rec"), CODEC)
    assert float(found.loss) == pytest.approx(float(v("embedding_loss_f64")), rel=1e-5)
    assert float(found.perplexity) == pytest.approx(float(v("perplexity_f64")), rel=1e-5)
    near(codec.decode(v("decode_index_in")), v("decode_index_out"), CODEC)
    same_codes(codec.quantizer.indices(v("latent_in")), v("latent_in_index"))
    near(codec.decode(codec.quantizer.indices(v("latent_in"))), v("decode_from_latent_out"), CODEC)


def test_global_motion():
    v = Vectors("global_motion")
    near(codecs().globe(v("lower_mix")), v("rec"), CODEC)
    near(codecs().translation(v("lower_mix"), v("ref_trans")), v("trans"), POSE)


def test_all_parts_decode_together():
    v = Vectors("decode_all")
    codes = {part: v(f"{part}_index") for part in BODY}
    face = codecs().codec("face").quantizer.indices(v("face_latent"))
    found = codecs().decode({"face": face, **codes})
    near_rotations(found.axis_angle, v("motion_axis_angle"), MATRIX)
    near(found.expression, v("expression"), CODEC)
    near(codecs().translation(found.lower, v("ref_trans")), v("trans"), POSE)
    near(found.channels, v("all_motion4inference"), POSE)
    alone = codecs().decode({"upper": codes["upper"]})
    near_rotations(alone.axis_angle, v("upper_only_motion_axis_angle"), MATRIX)
    near(codecs().translation(alone.lower, v("ref_trans")), v("upper_only_trans"), POSE)
    near(alone.channels[..., -7:], v("upper_only_all_motion4inference_tail7"), ROTATION)


# --- the network --------------------------------------------------------------------------------------------------


def test_speech_is_encoded():
    v = Vectors("audio_encoder")
    for name in ("face", "body"):
        encoder = getattr(model(), f"audio_encoder_{name}")
        out = encoder(v("wave_i16"))
        assert out.shape[1] == int(v("out_len"))
        near(out[:, v("frames")], v(f"{name}_out"), NETWORK)
        near(encoder(v("wave_short_i16")), v(f"{name}_out_short"), NETWORK)
    stream = v("wave_i16")[:1].unsqueeze(1)
    for index, block in enumerate(model().audio_encoder_face.feat_extractor):
        stream = block(stream)
        stats = [stream.shape[2], stream.mean(), stream.std(), stream[0, 0, 0], stream[0, -1, -1]]
        assert np.allclose([float(s) for s in stats], v.array(f"face_block{index}_stats_f64"), atol=NETWORK)


def forward(v: Vectors, mask: torch.Tensor, use_audio: bool = True, mids: dict | None = None):
    motion = v("masked_motion")
    wave = (v if "wave_i16" in v else Vectors("audio_encoder"))("wave_i16")[:1]
    hooks = []
    for name in [] if mids is None else [key for key in v._data.files if key.startswith("mid_")]:
        module = model().get_submodule(name.removeprefix("mid_"))
        hooks.append(module.register_forward_hook(lambda _m, _i, out, name=name: mids.update({name: out})))
    try:
        heard = model().hear(wave, motion.shape[1])
        return model()(heard, torch.zeros(1, dtype=torch.int64), motion, mask, use_audio)
    finally:
        for hook in hooks:
            hook.remove()


def test_a_window_with_a_seed_and_its_intermediate_values():
    v, mids = Vectors("forward_main"), {}
    found = forward(v, seed_mask(v("masked_motion")), mids=mids)
    frames = v("frames")
    assert len(mids) >= 10
    for name, values in mids.items():
        near(values[:, frames], v(name), NETWORK)
    for part in PARTS:
        for kind, values in (("rec", found.latents[part]), ("cls", found.logits[part])):
            wanted = v(f"seed_{kind}_{part}")
            near(values if wanted.shape[1] == values.shape[1] else values[:, frames], wanted, NETWORK)
        same_codes(found.logits[part].argmax(-1), v(f"seed_argmax_{part}"))
        best = found.logits[part].topk(2).values
        near(best[..., 0] - best[..., 1], v(f"seed_argmax_margin_{part}"), 2 * NETWORK)


@pytest.mark.parametrize("audio", [True, False])
def test_a_window_with_a_random_mask(audio):
    v = Vectors("forward_main")
    found, tag = forward(v, v("random_mask"), audio), "audio" if audio else "noaudio"
    for part in PARTS:
        near(found.latents[part][:, v("frames")], v(f"rand_{tag}_rec_{part}"), NETWORK)
        near(found.logits[part][:, v("frames")], v(f"rand_{tag}_cls_{part}"), NETWORK)
        same_codes(found.logits[part].argmax(-1), v(f"rand_{tag}_argmax_{part}"))


def test_a_short_window_hears_one_feature_more():
    v = Vectors("forward_short")
    found = forward(v, seed_mask(v("masked_motion")))
    for part in PARTS:
        near(found.latents[part], v(f"rec_{part}"), NETWORK)
        same_codes(found.logits[part].argmax(-1), v(f"argmax_{part}"))


def two_speakers():
    v, main = Vectors("forward_speakers"), Vectors("forward_main")
    motion = torch.cat([main("masked_motion"), v("masked_motion_b1")])
    mask = torch.cat([seed_mask(main("masked_motion")), v("mask_b1")])
    return SimpleNamespace(v=v, motion=motion, mask=mask, wave=Vectors("audio_encoder")("wave_i16"))


def test_many_speakers_in_a_batch():
    s = two_speakers()
    many = model(30)
    found = many(many.hear(s.wave, s.motion.shape[1]), s.v("speaker_id")[:, 0], s.motion, s.mask)
    for part in PARTS:
        near(found.latents[part][:, s.v("frames")], s.v(f"rec_{part}"), NETWORK)
        near(found.logits[part][:, s.v("frames")], s.v(f"cls_{part}"), NETWORK)


# --- whole lines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["infer_synth", "infer_seeded"])
def test_inference_over_a_line(name):
    v = Vectors(name)
    hints = (v("masked_motion"), v("mask")) if "masked_motion" in v else (None, None)
    start = v("ref_trans") if "ref_trans" in v else torch.zeros(1, 3)
    wave = v("wave_i16")[None]
    pieces = infer(model(), codecs(), wave, torch.zeros(1, dtype=torch.int64), *hints)
    found = joined(pieces, line_frames(wave.shape[1]))
    codes = choose_codes(codecs(), found)
    assert codes["upper"].shape[1] == int(v("n_frames"))
    same_codes(codes["face"], v("index_face"))
    for part in BODY:
        same_codes(codes[part], v(f"argmax_{part}"))
    for part in PARTS:
        near(found.latents[part][:, v("frames")], v(f"rec_{part}"), NETWORK)
    motion, trans = decode_line(codecs(), codes, start)
    near_rotations(motion.axis_angle, v("motion_axis_angle"), MATRIX)
    near(motion.expression, v("expression"), CODEC)
    near(trans, v("trans"), POSE)


# --- losses and metrics -------------------------------------------------------------------------------------------


@pytest.mark.gradients
def test_training_losses_and_gradients():
    s, v = two_speakers(), Vectors("train_loss")
    many, hidden = model(30), Vectors("forward_main")("random_mask").expand_as(s.motion)
    codes = {part: v(f"index_{part}") for part in PARTS}
    parts = split_parts(s.motion, v("expressions"))
    for part in PARTS:
        same_codes(codecs().codec(part).to_indices(parts[part]), codes[part])
    found = training_losses(many, codecs(), EmageBatch(s.wave, s.v("speaker_id")[:, 0], s.motion, codes, hidden))
    losses = [found[name].item() for name in v.array("names")]
    assert np.allclose(losses, v.array("losses_f64"), rtol=1e-5)
    total = sum(found.values())
    assert total.item() == pytest.approx(float(v("total_f64")), rel=1e-5)
    many.zero_grad(set_to_none=True)
    total.backward()
    gradients = {name: p.grad for name, p in many.named_parameters()}
    norms = [float(gradients[key].norm()) for key in v.array("grad_keys")]
    assert np.allclose(norms, v.array("grad_norms_f64"), rtol=1e-3, atol=1e-6)
    assert not [name for name, gradient in gradients.items() if gradient is None]
    whole = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    assert float(whole) == pytest.approx(float(v("total_grad_norm_f64")), rel=1e-3)
    many.zero_grad(set_to_none=True)


def test_fgd_features():
    v = Vectors("metrics")
    network = emage_rule.feature_network(FOLDER)
    prints = json.loads((FOLDER / "weights_fingerprint_fgd.json").read_text())
    for key, tensor in network.state_dict().items():
        shape, total, squares, _ = prints[f"encoder.{key}"]
        assert list(tensor.shape) == shape, key
        assert np.allclose([tensor.double().sum(), (tensor.double() ** 2).sum()], [total, squares], rtol=1e-5), key
    for side in ("pred", "gt"):
        for clip in range(2):
            near(network(v(f"{side}_rot6d_{clip}")), v(f"{side}_feat_{clip}"), NETWORK)


def test_published_metrics():
    v = Vectors("metrics")
    assert frechet_distance(v.array("frechet_a"), v.array("frechet_b")) == pytest.approx(float(v("frechet_f64")))
    spread, positions = L1Diversity(), v.array("positions")
    spread.add(positions)
    spread.add(positions[:100] * 1.5)
    assert spread.value == pytest.approx(float(v("l1div_f64")), rel=1e-5)
    assert vertex_velocity_distance(v.array("vert_a"), v.array("vert_b")) == pytest.approx(
        float(v("lvd_f64")), rel=1e-5
    )
    assert vertex_error(v.array("vert_a"), v.array("vert_b")) == pytest.approx(float(v("mse_f64")), rel=1e-5)


def test_beat_consistency():
    v = Vectors("metrics")
    beats = motion_beats(v.array("positions"), v.array("bc_mean_speed"), (60, 180))
    joints, frames = v.array("bc_beats_joint"), v.array("bc_beats_frame")
    for joint, found in enumerate(beats):
        assert found.tolist() == frames[joints == joint].tolist()
    assert beat_consistency(beats, v.array("bc_audio_onsets_f64")) == pytest.approx(float(v("bc_f64")), rel=1e-5)
