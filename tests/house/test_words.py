"""One word for one thing: names that say nothing, or say what has a name already, are not given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.places import ROOT

# Instead: what it holds. "tone" is emphasis, "standing" a stance, an origin or a planted foot.
SAY_NOTHING = {"told", "some", "live", "lay", "heard", "tone", "standing"}
SOURCES = sorted(path for half in ("addon", "engine") for path in (ROOT / half).rglob("*.py"))


def given_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a module gives to functions, classes, arguments, variables and attributes, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def empty_names(code: str) -> list[str]:
    return [f"{line} {name}" for name, line in given_names(ast.parse(code)) if name.strip("_").lower() in SAY_NOTHING]


def test_names_say_what_they_are():
    assert SOURCES
    found = {str(path.relative_to(ROOT)): empty_names(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("code", ["def told(): ...", "class Heard: ...", "def f(_live): ...", "some = 1", "a.tone = 2"])
def test_a_name_that_says_nothing_is_found(code):
    assert empty_names(code)
