"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.places import ROOT

SOURCES = sorted(path for top in ("engine", "addon", "tests") for path in (ROOT / top).rglob("*.py"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Everything in a module's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imported(path: Path) -> set[str]:
    """Absolute dotted names that a module imports; of ``from a import b`` both ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def tops(path: Path) -> set[str]:
    """The packages that a module imports from."""
    return {name.split(".")[0] for name in imported(path)}


def under(*parts: str) -> list[Path]:
    folder = ROOT.joinpath(*parts)
    return [path for path in SOURCES if folder in path.parents]


def test_the_engine_and_the_client_never_import_bpy():
    assert under("engine")
    assert not [path for path in (*under("engine"), *under("addon", "client")) if "bpy" in tops(path)]


def test_the_add_on_knows_the_engine_by_protocol_and_files_only():
    assert not [path for path in under("addon") if tops(path) & {"engine", "torch", "scipy", "threading"}]


def test_no_test_module_is_imported_by_another():
    """What two of them need lies in tests/support, so that each can be read, moved and run alone."""
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in under("tests")
        for name in imported(path)
        if any(part.startswith("test_") for part in name.split("."))
    }
    assert not wrong


def test_every_engine_module_imports_with_bpy_blocked():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in under("engine")
        if path.name != "__main__.py"
    ]
    code = f"import sys, importlib; sys.modules['bpy'] = None; [importlib.import_module(m) for m in {modules!r}]"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_no_module_is_past_four_hundred_lines():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert not [f"{path.relative_to(ROOT)}: {count}" for path, count in lines.items() if count > 400]


def test_no_function_is_past_sixty_lines():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert not long


def test_librosa_is_imported_in_one_place():
    """Two processes that import it at once spoil each other's compiled code; engine/speech/librosa_once.py says how."""
    others = [path for path in SOURCES if "librosa" in tops(path)]
    assert not others, others


def test_a_cold_start_of_the_command_line_loads_no_torch():
    code = "import engine.cli, sys; assert 'torch' not in sys.modules and 'librosa' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
