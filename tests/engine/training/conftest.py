"""Data that the miniature trainings share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def beat2(kept) -> Path:
    """A data set in BEAT2's layout, two takes of the demo line, both for training; nobody writes into it."""
    from engine.training.sample_data import write_sample

    return kept("beat2 like", lambda folder: write_sample(folder, 2, lambda *_: None))


@pytest.fixture(scope="session")
def one_take(kept, beat2) -> Path:
    """The same data set with the first of its takes alone."""

    def make(folder: Path) -> None:
        for path in beat2.iterdir():
            if path.is_dir():
                (folder / path.name).symlink_to(path, target_is_directory=True)
        table = (beat2 / "train_test_split.csv").read_text(encoding="utf-8").splitlines()
        (folder / "train_test_split.csv").write_text("\n".join(table[:2]) + "\n", encoding="utf-8")

    return kept("one take", make)
