"""What performs and what each can do, as it is declared and as an engine says; what a take says of itself. No bpy."""

from __future__ import annotations

import pytest

from addon.client.archive import replacing
from addon.client.engine import Engine
from addon.client.generators import declared, read_generators
from addon.client.provenance import IDLE, SPEAK, Provenance, TakeMeta
from addon.paths import asset_table, root


def test_the_default_comes_first_needs_nothing_and_plays_every_role():
    first = next(iter(declared().values()))
    assert (first.name, first.needs_weights, first.plans) == ("default", False, True)
    assert set(first.roles) == set(asset_table("protocol.json")["roles"])
    assert {generator.name for generator in declared().values() if generator.needs_weights}


def test_an_engine_that_says_what_it_can_is_believed_and_one_that_does_not_is_as_declared():
    engine = Engine(root(), 2)
    assert engine.generators == declared()
    engine.note_hello({"generators": ["default", "emage"]})
    assert engine.generators == declared()
    entries = asset_table("protocol.json")["generators"]
    engine.note_hello({"generators": [{**entry, "gaze": True} for entry in entries]})
    assert all(generator.gaze for generator in engine.generators.values())
    assert list(engine.generators) == list(declared())


def test_an_entry_that_lacks_a_field_is_no_generator():
    with pytest.raises(KeyError):
        read_generators([{"name": "default"}])


def test_a_take_that_says_nothing_has_defaults():
    source, meta = Provenance(), TakeMeta()
    assert (source.generator, source.seed, source.audio, source.title, source.role) == ("", None, "", "", SPEAK)
    assert (meta.start, meta.frames, meta.fps, meta.plan, meta.lines, meta.line_index) == (
        None,
        None,
        None,
        {},
        (),
        None,
    )
    assert not meta


def test_a_take_of_a_chain_says_what_its_lines_are():
    source = {"generator": "chain", "options": {"role": IDLE}, "audio": "a.wav", "semantic": {"words": [0.5]}}
    meta = TakeMeta({"start_frame": 3, "frames": 9, "fps": 24, "lines": [{"start_frame": 5, "provenance": source}]})
    (line,) = meta.lines
    assert (meta.start, meta.frames, meta.fps, meta.speaks, line.start, line.speaks) == (3, 9, 24.0, True, 5, False)
    assert (line.provenance.generator, line.provenance.scores) == ("", (0.5,))
    assert (line.provenance.audio, line.provenance.audio_path) == ("a.wav", "")


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises(OSError), replacing(target) as written:  # noqa: PT012
        written.write_text("new")
        raise OSError("no room")
    assert (target.read_text(), [path.name for path in tmp_path.iterdir()]) == ("old", ["a.json"])
    with replacing(target) as written:
        written.write_text("new")
    assert target.read_text() == "new"
