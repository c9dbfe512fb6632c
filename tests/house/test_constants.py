"""Every number that a module holds says its unit and where it comes from."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("noqa", "type:", "fmt:", "pragma", "pylint", "ruff:")  # comments that speak to a tool


def remarks(source: str) -> dict[int, bool]:
    """Line -> whether the comment on it stands alone; comments to tools are left out."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.lstrip("# ").startswith(MARKS):
            found[token.start[0]] = not token.line[: token.start[1]].strip()
    return found


def is_numeric(value: ast.expr) -> bool:
    """Whether an expression is made of numbers: a number, a sum, a tuple, a dictionary, an array of them."""
    if isinstance(value, ast.Constant):
        return type(value.value) in (int, float)
    if isinstance(value, (ast.Tuple, ast.List, ast.Set)):
        return any(is_numeric(item) for item in value.elts)
    if isinstance(value, ast.Dict):
        return any(is_numeric(item) for item in (*value.keys, *value.values) if item is not None)
    if isinstance(value, ast.BinOp):
        return is_numeric(value.left) or is_numeric(value.right)
    if isinstance(value, ast.IfExp):
        return is_numeric(value.body) or is_numeric(value.orelse)
    if isinstance(value, ast.UnaryOp):
        return is_numeric(value.operand)
    if isinstance(value, ast.Starred):
        return is_numeric(value.value)
    if isinstance(value, ast.Call):
        return any(is_numeric(item) for item in (*value.args, *(word.value for word in value.keywords)))
    return False


def constants(tree: ast.Module) -> list[tuple[str, ast.stmt]]:
    """Name and statement of each number that the module gives a name; ``__dunder__`` names are left out."""
    found = []
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names = [ast.unparse(target) for target in targets]
        value = getattr(node, "value", None)
        if names and value is not None and is_numeric(value) and not names[0].startswith("__"):
            found.append((names[0], node))
    return found


def unexplained(source: str) -> list[tuple[int, str]]:
    """Line and name of the numbers with no comment on their lines nor above their group.

    A group is what stands together without an empty line.
    """
    lines = source.splitlines()
    spoken = remarks(source)
    missing = []
    for name, node in constants(ast.parse(source)):
        if any(line in spoken for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            continue
        above = node.lineno - 1
        while above and lines[above - 1].strip() and not spoken.get(above):
            above -= 1
        if not (above and lines[above - 1].strip()):
            missing.append((node.lineno, name))
    return missing


def test_every_number_says_its_unit_and_where_it_comes_from():
    silent = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for half in ("addon", "engine")
        for path in sorted((ROOT / half).rglob("*.py"))
        for line, name in unexplained(path.read_text(encoding="utf-8"))
    ]
    assert not silent, "numbers without a comment:\n" + "\n".join(silent)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("A = 1\n", ["A"]),
        ("A = 1  # m, by eye\n", []),
        ("# m, by eye\nA = 1\nB = (0.5, 2)\n", []),
        ("# m, by eye\nA = 1\n\nB = {'x': 2.0}\n", ["B"]),
        ("A = np.array([1.0])  # noqa: E501\n", ["A"]),
        ("A = (\n    1,  # m, by eye\n    2,\n)\n", []),
        ("NAME = 'x'\nYES = True\nPLACES = tuple(names)\n", []),
    ],
)
def test_a_group_ends_with_an_empty_line(source, names):
    assert [name for _, name in unexplained(source)] == names
