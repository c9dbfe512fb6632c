"""What generators can do: declared on their classes, sent in ``hello``, and known to an add-on without an engine."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import CospeechError
from engine.generators.abilities import GENERATORS, PARTS, ROLES, declared_abilities
from engine.generators.default import DefaultGenerator
from engine.generators.published.emage import EmageGenerator
from engine.generators.published.semges import SemgesGenerator
from engine.generators.published.semtalk import SemTalkGenerator
from engine.serve import Server
from engine.take.options import TakeOptions

ROOT = Path(__file__).resolve().parents[2]


def test_the_protocol_file_holds_what_the_engine_declares():
    assert json.loads((ROOT / "assets/protocol.json").read_text(encoding="utf-8"))["generators"] == declared_abilities()


def test_hello_sends_it():
    out = io.StringIO()
    server = Server(io.StringIO(), out)
    server._answer(json.dumps({"id": 1, "method": "hello"}))
    assert json.loads(out.getvalue())["result"]["generators"] == declared_abilities()


def test_every_class_points_at_its_own():
    classes = (DefaultGenerator, EmageGenerator, SemTalkGenerator, SemgesGenerator)
    assert [made.abilities for made in classes] == list(GENERATORS.values())


@pytest.mark.parametrize("able", GENERATORS.values(), ids=GENERATORS)
def test_roles_and_parts_are_known_ones(able):
    assert set(able.roles) <= set(ROLES)
    assert set(able.body) <= set(PARTS)


def test_the_declaration_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; import engine.generators.abilities, engine.take.options"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"edits": ({},)}, "follows no gesture plan"),
        ({"gaze": (0.0, 1.4, 2.0)}, "can't be told where to look"),
        ({"role": "listen"}, "only speaks"),
        ({"emphasis": ((0.0, 1.0, 1.0),)}, "use: default, semtalk"),
        ({"weights": ""}, "needs its published weights"),
    ],
)
def test_what_a_generator_can_not_do_is_one_sentence(options, sentence):
    with pytest.raises(CospeechError, match=sentence):
        TakeOptions(**{"audio": "", "generator": "emage", "weights": "somewhere", **options}).checked()
