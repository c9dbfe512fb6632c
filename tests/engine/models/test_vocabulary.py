"""Words by row: what a release's files hold, and the rows of a line's frames."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.checkpoints import CheckpointError
from engine.models.vocabulary import PAD, UNK, Vocabulary, collected, read_vocabulary, spoken
from tests.support.plan_speech import say

WORDS = {"": 4, "hello": 5, "I": 6, "there": 7}


class Vocab:
    """A pickled object as a release keeps it, with more in it than words."""

    def __init__(self) -> None:
        self.name, self.word2index = "vocab", dict(WORDS)
        self.word_embedding_weights = np.ones((8, 300), np.float32)


class Evil:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch '{self.trace}'",)


def test_rows_of_frames_follow_closed_intervals() -> None:
    intervals = [(0.0, 0.1, ""), (0.1, 0.3, "Hello"), (0.3, 0.4, " "), (0.4, 0.5, "zebra")]
    rows = Vocabulary(WORDS).frames(intervals, 8, 10.0)
    assert rows.tolist() == [4, 4, 5, 5, PAD, UNK, UNK, UNK]


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1), st.sampled_from([*WORDS, "x", " "])), max_size=6))
def test_the_first_interval_wins(found: list[tuple[float, float, str]]) -> None:
    vocabulary = Vocabulary(WORDS)
    intervals = [(start, start + length, mark) for start, length, mark in found]
    for frame, row in enumerate(vocabulary.frames(intervals, 40, 15.0)):
        here = next((mark for start, end, mark in intervals if start <= frame / 15.0 <= end), None)
        assert row == (UNK if here is None else PAD if here == " " else vocabulary.row(here))


def test_a_vocabulary_is_collected_and_saved(tmp_path: Path) -> None:
    vocabulary = collected(["", "well, yes", "no", "yes"])
    assert vocabulary.rows == {"": 4, "well": 5, "yes": 6, "no": 7}
    vocabulary.save(tmp_path / "vocab.json")
    assert read_vocabulary(tmp_path, "x") == vocabulary


def test_a_line_has_its_words_and_its_silences() -> None:
    speech = say("Hello there! I know.")
    marks = [mark for _, _, mark in spoken(speech)]
    assert [mark for mark in marks if mark] == ["hello", "there", "i", "know"]
    assert "" in marks
    assert "" not in [mark for _, _, mark in spoken(speech, silence=False)]


@pytest.mark.parametrize("kind", ["json", "list", "txt", "pkl"])
def test_every_form_of_file_is_read(tmp_path: Path, kind: str) -> None:
    ordered = ["<pad>", "<sos>", "<eos>", "<unk>", *WORDS]
    if kind == "pkl":
        (tmp_path / "vocab.pkl").write_bytes(pickle.dumps(Vocab()))
    elif kind == "txt":
        (tmp_path / "vocab.txt").write_text("\n".join(ordered), "utf-8")
    else:
        (tmp_path / "vocab.json").write_text(json.dumps(WORDS if kind == "json" else ordered), "utf-8")
    vocabulary = read_vocabulary(tmp_path, "x")
    assert {word: vocabulary.row(word) for word in WORDS} == WORDS
    assert vocabulary.size == 8


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    ran = tmp_path / "was run"
    (tmp_path / "vocab.pkl").write_bytes(pickle.dumps({"word2index": Evil(ran)}))
    with pytest.raises(CheckpointError, match=r"vocab\.pkl"):
        read_vocabulary(tmp_path, "the release")
    assert not ran.exists()


@pytest.mark.parametrize(("name", "data"), [("vocab.json", b"{"), ("vocab.pkl", b"nonsense"), ("vocab.json", b"{}")])
def test_other_files_get_a_sentence(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CheckpointError, match="choose the release"):
        read_vocabulary(tmp_path, "the release")


def test_a_folder_without_words_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds none of vocab\.json"):
        read_vocabulary(tmp_path, "the release")
