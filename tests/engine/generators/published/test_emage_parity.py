"""The whole generator from a file, with nothing mended, against the model's own inference on the raw waveform."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.body.joints import FIRST_FINGER
from engine.body.motion import hand_mean
from engine.errors import AudioError
from engine.generators.base import Request
from engine.generators.published.emage import EmageGenerator
from engine.generators.published.emage_mends import EmageOptions
from engine.generators.published.network_audio import published_wave
from engine.models.checkpoints import load_emage
from engine.models.emage_windows import choose_codes, decode_line, infer, joined, line_frames
from engine.plan.listener import plan_idle
from engine.speech.load import load_speech
from engine.take.options import TakeOptions
from tests.support.published import quiet

SECONDS = 5.3


def recording(path: Path, rate: int = 16000, channels: int = 1) -> np.ndarray:
    """A file with an offset and peaks beyond full scale, which our own loader takes away; its samples (N, channels)."""
    rng = np.random.default_rng(5)
    wave = (0.3 * rng.standard_normal((round(SECONDS * rate), channels)) + 0.05).astype(np.float32)
    wave[rate // 2] = 1.4
    soundfile.write(path, wave, rate, subtype="FLOAT")
    return wave


def asked(path: Path) -> Request:
    speech = load_speech(path)
    return Request(speech, plan_idle(speech, "explain", 1.0, 0), TakeOptions(audio=""))


def test_the_published_options_give_the_models_own_inference_to_the_bit(emage_folder, tmp_path):
    raw = recording(tmp_path / "line.wav")[:, 0]
    request = asked(tmp_path / "line.wav")
    assert np.abs(request.speech.waveform - raw).max() > 0.05  # our loader has taken something away
    models = load_emage(emage_folder)
    with torch.inference_mode():
        pieces = infer(models.model, models.codecs, torch.from_numpy(raw)[None], torch.zeros(1, dtype=torch.int64))
        frames = line_frames(len(raw))
        codes = choose_codes(models.codecs, joined(pieces, frames))
        wanted, trans = decode_line(models.codecs, codes, torch.zeros(1, 3))
    made = EmageGenerator.from_folder(emage_folder, options=EmageOptions.published()).generate(request, quiet)
    kept = wanted.axis_angle.shape[1]
    assert 120 < kept <= made.frames
    body = slice(0, FIRST_FINGER)
    poses = wanted.axis_angle[0].numpy()
    assert made.poses[:kept, body].tobytes() == poses[:, body].tobytes()
    hands = poses[:, FIRST_FINGER:].astype(np.float64) + hand_mean()
    assert made.poses[:kept, FIRST_FINGER:].tobytes() == hands.astype(np.float32).tobytes()
    assert made.trans[:kept].tobytes() == trans[0].numpy().tobytes()
    assert made.expressions[:kept].tobytes() == wanted.expression[0].numpy().tobytes()
    mended = EmageGenerator.from_folder(emage_folder).generate(request, quiet)
    assert mended.poses.tobytes() != made.poses.tobytes()


def test_other_rates_and_channels_are_loaded_as_librosa_does(tmp_path):
    path = tmp_path / "stereo.wav"
    raw = recording(path, 44100, 2)
    found = published_wave(load_speech(path))
    assert found.dtype == np.float32
    assert abs(len(found) - SECONDS * 16000) <= 1
    assert abs(float(found.mean()) - float(raw.mean())) < 1e-4  # the offset is still there


def test_a_file_that_changed_or_went_is_a_sentence(tmp_path):
    path = tmp_path / "line.wav"
    recording(path)
    speech = load_speech(path)
    soundfile.write(path, np.zeros(16000, np.float32), 16000)
    with pytest.raises(AudioError, match=r"line\.wav has changed since it was heard"):
        published_wave(speech)
    path.unlink()
    with pytest.raises(AudioError, match="can't be read again"):
        published_wave(speech)
