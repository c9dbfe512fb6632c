"""SemTalk as a generator, with small seeded weights: any length, hints, seeds, meaning and its emphasis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.body.motion import frame_count
from engine.errors import CospeechError
from engine.generators.published.feature_cache import FeatureCache
from engine.generators.published.semtalk import SemTalkGenerator, SemTalkOptions
from engine.generators.published.semtalk_folder import load_release
from engine.generators.published.semtalk_hearing import MENDED, PUBLISHED, beat_features
from engine.generators.published.semtalk_words import sentences, word_rows
from engine.inspection import examine_weights
from engine.models import semtalk_windows
from engine.models.semtalk_windows import Drawing, Networks, WindowResult, fuse, meaning, window_starts
from engine.models.vocabulary import UNK, Vocabulary
from engine.plan.types import Emphasis
from engine.take.make import make_take
from engine.take.options import TakeOptions
from tests.places import DEMO, TRANSCRIPT
from tests.support.plan_speech import say
from tests.support.published import WINDOW, around_a_pin, check_around_a_pin, check_windows, quiet, request
from tests.support.small_semtalk import small_release


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("semtalk")
    small_release(folder)
    found = load_release(folder)
    sparse = found.networks.sparse
    with torch.no_grad():  # a gate that opens here and there, as a trained one does
        sparse.gate.weight *= 6.0
    return found


@pytest.fixture(scope="module")
def generator(release):
    return SemTalkGenerator(release, SemTalkOptions(hearing=MENDED))


@pytest.mark.parametrize("fps", [23.976, 30.0])
def test_a_line_of_any_rate_has_all_its_frames(generator, fps):
    asked = request(fps=fps)
    motion = generator.generate(asked, quiet)
    assert motion.frames == frame_count(asked.speech.seconds, fps)
    assert motion.expressions.any()
    assert motion.blendshapes is not None
    assert np.ptp(motion.poses, axis=0).max() > 0.05
    semantic = motion.provenance["semantic"]
    assert len(semantic["frames"]) == int(asked.speech.seconds * 30)
    assert len(semantic["words"]) == len(asked.speech.words)
    assert 0.0 <= min(semantic["frames"]) < max(semantic["frames"]) <= 1.0


@pytest.mark.parametrize("seconds", [0.35, 2.1333, 4.3])
def test_short_lines_work_and_published_ones_say_when_they_can_not(generator, release, seconds):
    asked = request(seconds)
    assert generator.generate(asked, quiet).frames == frame_count(seconds, 30.0)
    published = SemTalkGenerator(release, SemTalkOptions.published())
    if seconds * 30 < 64:
        with pytest.raises(CospeechError, match="less than a window"):
            published.generate(asked, quiet)
    else:
        assert published.generate(asked, quiet).frames == frame_count(seconds, 30.0)


def test_windows_cover_every_frame_when_mended():
    for frames in range(1, 400, 7):
        starts = window_starts(frames, semtalk_windows.MENDED)
        assert starts[-1] + 64 >= frames
        assert len(starts) == 1 or starts[-1] + 4 < frames
    assert len(window_starts(1924)) == 32
    assert len(window_starts(183)) == 2  # the rest is lost, as published


def test_the_same_request_gives_the_same_bytes_and_seeds_give_variations(generator):
    first, again = generator.generate(request(seed=7), quiet), generator.generate(request(seed=7), quiet)
    assert first.poses.tobytes() == again.poses.tobytes()
    other = generator.generate(request(seed=8), quiet)
    assert np.abs(other.poses - first.poses).max() > 0.05


def test_a_temperature_of_nought_takes_the_most_likely_and_more_of_it_draws():
    logits = torch.randn(1, 16, 6, 32, generator=torch.Generator().manual_seed(0))
    best = logits.argmax(-1)
    assert torch.equal(Drawing().tokens(logits, torch.Generator()), best)
    share = []
    for temperature in (0.05, 0.5, 2.0):
        generator = torch.Generator().manual_seed(1)
        drawn = Drawing(temperature, 1).tokens(logits, generator)
        share.append(float((drawn == best).float().mean()))
    assert share[0] > share[1] > share[2]
    coarse = Drawing(2.0, 1, levels=2).tokens(logits, torch.Generator().manual_seed(1))
    assert torch.equal(coarse[..., 2:], best[..., 2:])
    assert not torch.equal(coarse[..., :2], best[..., :2])


def test_draws_follow_the_softmax():
    logits = torch.tensor([0.0, 1.0, 2.0]).expand(1, 20000, 1, 3)
    drawn = Drawing(1.0, 0, levels=1).tokens(logits, torch.Generator().manual_seed(3))
    share = torch.bincount(drawn.flatten(), minlength=3) / drawn.numel()
    assert torch.allclose(share, torch.softmax(logits[0, 0, 0], -1), atol=0.015)


def test_the_gate_chooses_all_levels_of_the_body_and_never_the_face():
    parts = ("face", "upper", "hands", "lower")
    base = {part: torch.zeros(1, 3, 6, dtype=torch.int64) for part in parts}
    sparse = {part: torch.ones(1, 3, 6, dtype=torch.int64) for part in parts[1:]}
    found = fuse(base, sparse, torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]))
    for part in parts:
        assert found[part][0, :, 0].tolist() == ([0, 0, 0] if part == "face" else [0, 1, 0])
        assert (found[part] == found[part][..., :1]).all()


def test_leaving_the_sparse_network_out_where_its_gate_is_shut_changes_nothing(generator, release):
    asked = request(6.0)
    line, seen = generator._line(asked, quiet), torch.zeros(1, 4, 337)
    begin = semtalk_windows.LineStart(seen, torch.zeros(1, 3), torch.tensor([1]))
    networks = release.networks
    line = replace(line, sentences=torch.zeros(1, 3, networks.sparse.size.sentence))
    with torch.inference_mode():
        pieces = semtalk_windows.roll_out(networks, line, begin)
        opened = [bool((piece.gate.argmax(-1) == 1).any()) for piece in pieces]
        base = semtalk_windows.roll_out(Networks(networks.base, None, networks.codecs), line, begin)
        shut = replace(begin, emphasis=torch.full((1, line.frames), -99.0))
        without = semtalk_windows.roll_out(networks, line, shut)
    assert any(opened)
    for piece, other in zip(without, base, strict=True):
        assert all(torch.equal(piece.tokens[part], other.tokens[part]) for part in piece.tokens)
    assert not all(torch.equal(p.tokens["hands"], b.tokens["hands"]) for p, b in zip(pieces, base, strict=True))


def test_emphasis_raises_and_lowers_meaning_where_it_is_asked_for(generator):
    plain = np.array(generator.generate(request(), quiet).provenance["semantic"]["frames"])
    for amount in (1.0, -1.0):
        asked = request()
        emphatic = replace(asked.plan, emphasis=Emphasis(((2.0, 3.0, amount),)))
        motion = generator.generate(replace(asked, plan=emphatic), quiet)
        found = np.array(motion.provenance["semantic"]["frames"])
        change = amount * (found - plain)
        assert change[64:86].min() > 0.0
        assert np.abs(change[:54]).max() == 0.0
        assert np.abs(change[96:]).max() == 0.0


def test_a_window_is_made_anew_around_pins(generator):
    asked = request()
    base = generator.generate(asked, quiet)
    hints = around_a_pin(base)
    made = generator.generate(replace(asked.asking(seed=5), hints=hints), quiet)
    check_around_a_pin(made, hints)
    inside = slice(*WINDOW)
    assert made.poses[inside].tobytes() != base.poses[inside].tobytes()
    before, after = (np.array(take.provenance["semantic"]["frames"]) for take in (base, made))
    assert np.array_equal(before[:60], after[:60])
    assert np.array_equal(before[150:], after[150:])


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_windows_anywhere_in_a_take_of_any_rate(generator, fps):
    check_windows(generator, request(4.3, fps=fps), every=53)


def test_unknown_speakers_are_a_sentence(generator):
    assert generator.generate(request(1.0, speaker="2"), quiet).frames == 30
    with pytest.raises(CospeechError, match="0 to 2"):
        generator.generate(request(1.0, speaker="3"), quiet)


def test_a_take_through_the_pipeline_says_what_was_asked_and_what_shows(tmp_path):
    small_release(tmp_path)
    audio = DEMO
    options = TakeOptions(audio=str(audio), transcript=str(TRANSCRIPT), generator="semtalk", device="cpu")
    with pytest.raises(CospeechError, match="--weights"):
        make_take(options, quiet)
    take = make_take(replace(options, weights=str(tmp_path), emphasis=((0.5, 1.0, 1.0),)), quiet)
    assert take.plan["phrases"] == ()
    assert take.provenance["generator"] == "semtalk"
    assert take.provenance["options"]["emphasis"] == ((0.5, 1.0, 1.0),)
    assert len(take.provenance["semantic"]["words"]) == len(take.plan["words"])
    found = examine_weights("semtalk", str(tmp_path))
    assert found["speakers"] == 3
    for emphasis, told in ((((1.0, 0.5, 1.0),), "-1 to 1"), (((0.0, 0.5, 2.0),), "-1 to 1")):
        with pytest.raises(CospeechError, match=told):
            make_take(replace(options, weights=str(tmp_path), emphasis=emphasis), quiet)
    with pytest.raises(CospeechError, match="does not weigh meaning"):
        make_take(replace(options, generator="emage", weights=str(tmp_path), emphasis=((0.0, 0.5, 1.0),)), quiet)


def test_features_are_made_once_an_audio_and_kept_on_disk(release, tmp_path, monkeypatch):
    from engine.generators.published import semtalk_hearing

    calls = []
    steps = semtalk_hearing.hubert_steps
    monkeypatch.setattr(semtalk_hearing, "hubert_steps", lambda *args: (calls.append(1), steps(*args))[1])
    asked = request(1.0)
    takes = []
    for _ in range(2):
        maker = SemTalkGenerator(release, SemTalkOptions(hearing=MENDED), FeatureCache(tmp_path))
        takes += [maker.generate(asked, quiet), maker.generate(asked.asking(seed=3), quiet)]
    assert len(calls) == 1
    assert takes[0].poses.tobytes() == takes[2].poses.tobytes()
    kept = next(tmp_path.glob("hubert-*.npy"))
    kept.write_bytes(b"broken")
    SemTalkGenerator(release, SemTalkOptions(hearing=MENDED), FeatureCache(tmp_path)).generate(asked, quiet)
    assert len(calls) == 2
    assert not list(tmp_path.glob("*.part"))


def test_the_published_amplitude_hears_the_opening_only_and_the_mended_one_all():
    wave = np.zeros(32000, np.float32)
    wave[20000:21000] = 0.5
    flat, mended = beat_features(wave, PUBLISHED)[:, 0], beat_features(wave, MENDED)[:, 0]
    assert flat.max() == 0.0
    assert mended.max() == pytest.approx(0.5)
    assert abs(int(mended.argmax()) - 20000 / 16000 * 30) < 3
    assert np.array_equal(beat_features(wave, PUBLISHED)[:, 1:], beat_features(wave, MENDED)[:, 1:])


def test_words_and_sentences_of_frames():
    speech = say("No, no! Come in.")
    vocabulary = Vocabulary({"": 4, "no": 5, "come": 6})
    frames = int(speech.seconds * 30)
    mended, published = (word_rows(speech, frames, vocabulary, way) for way in (MENDED, PUBLISHED))
    assert set(mended) == {4, 5, 6, UNK}
    assert set(published) == {5, 6, UNK}
    assert sentences(speech, [0], frames, MENDED) == ["no no come in"]
    assert sentences(speech, [0], frames, PUBLISHED) == ["no come in"]


def test_common_tokens_share_their_meaning():
    pieces = [WindowResult({}, torch.full((1, 16, 2), 0.0), torch.zeros(1, 4, 337)) for _ in range(2)]
    pieces[1].gate[..., 1] = 50.0
    line = meaning(pieces)
    assert line.shape == (1, 31)
    assert line[0, 14:17].tolist() == pytest.approx([0.5, 0.75, 1.0])
