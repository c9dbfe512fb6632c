"""``evaluate --realism``: rows against motion whose figures are known, bands as data, the corpus and BEAT2 beside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.errors import CospeechError
from engine.evaluation.accents import SpeechSound, hear_accents
from engine.evaluation.realism import (
    as_json,
    band_of,
    bands,
    closeness_above_chance,
    evaluate_realism,
    figures,
    report,
    table,
)
from engine.evaluation.realism_measures import Stroke, Subject, measure, nearest, power_limit, stroke_onset
from engine.evaluation.realism_takes import Clip, beat2_clip, corpus_clips, found_strokes, speech_lines, take_subject
from engine.plan.types import STYLES
from tests.places import DEMO
from tests.support.regen import base, line
from tests.support.sung import sung

HEIGHT = default_skeleton().standing_height
ROWS = {row["name"]: row for row in bands()["rows"]}


def swinging(hertz: float, degrees: float, seconds: float = 20.0) -> Motion:
    """Arms down, the left elbow swinging; all else still."""
    times = np.arange(round(seconds * 30)) / 30.0
    poses = np.zeros((len(times), 55, 3), np.float32)
    poses[:, 16, 2], poses[:, 17, 2] = -1.2, 1.2
    poses[:, 18, 1] = -0.8 + np.radians(degrees) * np.sin(2.0 * np.pi * hertz * times)
    trans = np.tile(np.array([0.0, HEIGHT, 0.0], np.float32), (len(times), 1))
    return Motion(poses, trans, 30.0)


def sound_of(accents: list[float], seconds: float, pauses: list[tuple[float, float]] | None = None) -> SpeechSound:
    spans = np.array(pauses or np.zeros((0, 2)), dtype=np.float64).reshape(-1, 2)
    times = np.array(accents, dtype=np.float64)
    return SpeechSound(times, np.ones(len(times)), times, spans, (0.0, seconds), seconds)


@pytest.fixture(scope="module")
def demo_clip() -> Clip:
    speech = line()
    sound = hear_accents(speech.waveform, speech.prosody.f0)
    return Clip("demo", "explain", take_subject(base(), sound))


def test_every_style_has_a_band_on_every_judged_row() -> None:
    named = {"rate", "resting", "semantic", "wrist_speed", "jerk_speed", "raw_jerk", "power_95", "height_low",
             "height_high", "above_shoulder", "head_speed", "head_yaw", "head_pitch", "head_roll", "sway", "slide",
             "planted", "blinks", "blinks_at_pause", "apex_median", "apex_share", "lead_median", "lead_latest",
             "clear"}  # fmt: skip
    assert named <= set(ROWS)
    for name in named:
        for style in STYLES:
            low, high = band_of(ROWS[name], style) or (None, None)
            assert low is not None or high is not None, (name, style)
            assert low is None or high is None or low < high
    assert band_of(ROWS["closeness"], "pooled") == (5, None)
    assert band_of(ROWS["apex_alone"], "calm") is None


def test_real_motion_is_held_against_the_widest_of_the_styles() -> None:
    assert band_of(ROWS["wrist_speed"], "corpus") == (0.20, 0.90)
    assert band_of(ROWS["height_high"], "beat2") == (None, 0.50)
    assert band_of(ROWS["closeness"], "corpus") is None


def test_speed_jerk_and_power_of_a_swinging_arm() -> None:
    strokes = (Stroke(0.0, 1.0, 19.0, 19.9, (0,)),)
    found = figures(measure(Subject(swinging(1.5, 20.0), strokes)))
    radius = float(np.linalg.norm(default_skeleton().offsets[20]))
    speed = radius * np.radians(20.0) * 2.0 * np.pi * 1.5 * 2.0 / np.pi  # mean of |sin|
    assert found["wrist_speed"] == pytest.approx(speed, rel=0.05)
    assert found["jerk_speed"] == pytest.approx((2.0 * np.pi * 1.5) ** 2, rel=0.15)
    assert found["raw_jerk"] == pytest.approx(1.0, abs=0.01)
    assert 1.4 < (found["power_95"] or 0.0) < 1.7
    assert found["sway"] == pytest.approx(0.0, abs=1e-6)
    assert found["planted"] == 100.0
    assert found["head_speed"] == pytest.approx(0.0, abs=1e-6)
    resting = figures(measure(Subject(swinging(1.5, 20.0), (Stroke(0.0, 1.0, 19.0, 19.9, (1,)),))))
    assert (resting["wrist_speed"] or 0.0) < 1e-6  # only the used hand counts


def test_noise_shows_in_the_raw_jerk() -> None:
    still = swinging(1.5, 20.0)
    poses = still.poses.copy()
    poses[:, 18, 1] += 0.004 * np.random.default_rng(0).standard_normal(len(poses)).astype(np.float32)
    strokes = (Stroke(0.0, 1.0, 19.0, 19.9, (0,)),)
    rough = figures(measure(Subject(replace(still, poses=poses), strokes)))
    assert (rough["raw_jerk"] or 0.0) > 1.3


def test_rates_count_only_what_is_seen_and_pauses_count_a_second() -> None:
    sound = sound_of([1.0], 20.0, [(5.0, 9.0)])
    assert sound.speech_seconds == pytest.approx(17.0)
    strokes = (Stroke(0.0, 1.0, 4.0, 5.0, (0,), semantic=True), Stroke(10.0, 11.0, 14.0, 15.0, (1,)))
    found = figures(measure(Subject(swinging(1.5, 20.0), strokes, sound, planned=True)))
    assert found["rate"] == pytest.approx(60.0 / 17.0)  # the right hand never moves
    assert found["resting"] == pytest.approx(50.0, abs=0.2)
    assert found["semantic"] == 100.0


def test_the_power_limit_lies_where_the_power_ends() -> None:
    spectrum = np.zeros((2, 257))
    spectrum[:, 20] = 1.0
    assert power_limit(spectrum) == pytest.approx(20 * 30 / 512, abs=0.06)


def test_nearest_accents_and_onsets() -> None:
    np.testing.assert_allclose(nearest(np.array([0.9, 2.2]), np.array([1.0, 2.0])), [-0.1, 0.2])
    assert np.isinf(nearest(np.array([1.0]), np.zeros(0))).all()
    times = np.arange(90) / 30.0
    way = np.clip((times - 1.0) / 0.5, 0.0, 1.0)
    track = np.stack([way, 0.0 * way, 0.0 * way], axis=1)[:, None]
    onset = stroke_onset(track, times, Stroke(1.0, 1.5, 2.0, 2.5, (0,)), 1.5)
    assert onset == pytest.approx(1.05, abs=0.02)


def beating(times: list[float], seconds: float) -> Subject:
    """Short strokes of the left arm that stop at ``times``."""
    motion = swinging(1.0, 0.0, seconds)
    moments = np.arange(motion.frames) / 30.0
    poses = motion.poses.copy()
    for time in times:
        poses[:, 18, 1] -= 0.6 * np.clip((moments - time + 0.2) / 0.2, 0.0, 1.0)
        poses[:, 18, 1] += 0.6 * np.clip((moments - time - 0.4) / 0.5, 0.0, 1.0)
    strokes = tuple(
        Stroke(time - 0.2, time, time + 0.4, time + 0.9, (0,), semantic=True, stress=time) for time in times
    )
    return Subject(replace(motion, poses=poses), strokes, planned=True)


def test_apexes_on_accents_stand_out_from_shifted_audio_and_others_do_not() -> None:
    rng = np.random.default_rng(3)
    on, off = [], []
    for number in range(4):
        times = np.cumsum(rng.uniform(1.4, 2.6, 12)) + 1.0
        seconds = float(times[-1] + 2.0)
        body = beating(times.tolist(), seconds)
        on.append(Clip(f"l{number}", "explain", replace(body, sound=sound_of(times.tolist(), seconds))))
        elsewhere = np.sort(rng.uniform(0.0, seconds, 12))
        off.append(Clip(f"l{number}", "explain", replace(body, sound=sound_of(elsewhere.tolist(), seconds))))
    assert (closeness_above_chance(on) or 0.0) > 5.0
    assert abs(closeness_above_chance(off) or 0.0) < 3.5
    found = figures(measure(on[0].subject))
    assert abs(found["apex_median"] or 1e9) < 40.0
    assert found["apex_alone"] == 0.0
    assert 60.0 < (found["lead_median"] or 0.0) < 260.0


def test_a_stroke_far_from_every_accent_is_counted_not_judged() -> None:
    body = beating([3.0, 6.0], 9.0)
    found = figures(measure(replace(body, sound=sound_of([3.0], 9.0))))
    assert found["apex_alone"] == 50.0
    assert found["apex_share"] == 100.0


def test_a_take_fills_the_table_and_the_json(demo_clip: Clip) -> None:
    found = report([demo_clip])
    filled = {row.name for row in found.rows if row.cells["explain"].value is not None}
    assert filled >= set(ROWS) - {"closeness"}
    lines = table(found)
    assert any("gesture phrases" in text and ("in " in text or "OUT" in text) for text in lines)
    assert any("give more speech" in text for text in lines)
    data = json.loads(json.dumps(as_json(found)))
    cell = data["rows"]["rate"]["explain"]
    assert cell["band"] == [14, 22]
    assert cell["in"] == (14 <= cell["value"] <= 22)


def test_what_lies_outside_is_named(demo_clip: Clip) -> None:
    poses = demo_clip.subject.motion.poses.copy()
    poses[:, 15, 1] += 0.6 * np.sin(np.arange(len(poses)) * 0.9)
    shaking = replace(
        demo_clip, subject=replace(demo_clip.subject, motion=replace(demo_clip.subject.motion, poses=poses))
    )
    assert any("outside" in text and "head_speed (explain)" in text for text in table(report([shaking])))


def test_a_beat2_file_is_measured_with_strokes_found_in_it(tmp_path: Path) -> None:
    motion = base()
    motion.to_beat2(tmp_path / "clip.npz")
    wave, _ = soundfile.read(DEMO, dtype="float32")
    soundfile.write(tmp_path / "clip.wav", wave, soundfile.info(DEMO).samplerate)
    clip = beat2_clip(tmp_path / "clip.npz")
    assert clip.subject.sound is not None
    assert len(clip.subject.strokes) > 10
    found = report([clip])
    values = {row.name: row.cells["beat2"].value for row in found.rows}
    assert values["rate"] is values["semantic"] is values["blinks"] is None
    assert values["wrist_speed"] is not None
    assert values["apex_median"] is not None


def test_strokes_are_found_where_a_hand_goes_fast() -> None:
    subject = beating([3.0, 6.0], 9.0)
    apexes = np.array([stroke.apex for stroke in found_strokes(subject.motion) if stroke.sides == (0,)])
    assert np.abs(apexes - 3.0).min() < 0.1
    assert np.abs(apexes - 6.0).min() < 0.1
    assert not any(stroke.sides == (1,) for stroke in found_strokes(subject.motion))


def test_a_folder_of_speech_is_measured_whole(tmp_path: Path) -> None:
    starts = 0.4 + 0.3 * np.arange(14)
    wave, _ = sung(starts, np.where(np.arange(14) % 3, 0.12, 0.5), np.full(14, 120.0), 5.0)
    soundfile.write(tmp_path / "one.wav", wave, 16000)
    (tmp_path / "transcripts.csv").write_text("two|this is not there\n", encoding="utf-8")
    lines = speech_lines(tmp_path)
    assert [entry.audio.name for entry in lines] == ["one.wav"]
    assert lines[0].transcript is None
    found = evaluate_realism(tmp_path, ("calm",))
    assert found.columns == ("calm",)
    assert found.rows[0].cells["calm"].value is not None


def test_transcripts_are_found_beside_the_speech(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "transcripts.csv").write_text('b|so "it" is\n', encoding="utf-8")
    first, second = speech_lines(tmp_path)
    assert first.transcript == str(tmp_path / "a.txt")
    assert second.transcript == 'so "it" is'


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(CospeechError, match="no folder"):
        evaluate_realism(tmp_path / "none")
    with pytest.raises(CospeechError, match="holds no speech"):
        evaluate_realism(tmp_path)
    with pytest.raises(CospeechError, match="angry"):
        evaluate_realism(None, ("angry",))
    with pytest.raises(CospeechError, match=r"clips\.csv"):
        corpus_clips(tmp_path)
