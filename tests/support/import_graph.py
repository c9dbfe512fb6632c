"""Who imports whom in a half of the product, folder by folder. Imports that only types need are left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT


def modules(half: str) -> dict[str, Path]:
    """Dotted name -> file of every module of "addon" or "engine"; a package goes by its own name."""
    found = {}
    for path in sorted((ROOT / half).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Dotted names of the known modules that a module imports, at its top or inside a function."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in _run(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                if inner in known or source in known:
                    yield inner if inner in known else source


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run(child)


def folder_of(name: str) -> str:
    """The folder of a module below its half; of a module beside the folders its own name, of the half itself ""."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def arrows(half: str) -> dict[tuple[str, str], list[str]]:
    """(folder, folder that it imports) -> the modules that do, as ``who -> whom``."""
    known = modules(half)
    found: dict[tuple[str, str], list[str]] = {}
    for name, path in known.items():
        for other in imports(name, path, known):
            pair = folder_of(name), folder_of(other)
            if pair[0] != pair[1]:
                found.setdefault(pair, []).append(f"{name} -> {other}")
    return found


def forbidden(half: str, floors: tuple[tuple[str, ...], ...]) -> list[str]:
    """Imports against a table of floors, bottom first: a folder may import what lies on the floors below its own.

    The half itself ("") stands above all. A folder that the table does not name is reported.
    """
    floor = {folder: number for number, folders in enumerate(floors) for folder in folders} | {"": len(floors)}
    wrong = []
    for (folder, other), who in arrows(half).items():
        if folder not in floor or other not in floor:
            wrong.append(f"the table of imports does not name {folder if folder not in floor else other}")
        elif floor[other] >= floor[folder]:
            wrong.extend(who)
    return sorted(set(wrong))
