"""What comments and pages cite exists: the page, its section, and every name on docs/architecture.md.

A citation is ``docs/sources/PAGE.md`` (or another page), and after it, if any, ``section N``, ``sections N to M`` or
``QN``. A section without a page must say whose it is: ``(Liu et al. 2022, section 5)``.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(
    {ROOT / "build.py", *(path for top in (".ci", "engine", "addon", "tests") for path in (ROOT / top).rglob("*.py"))}
    - {Path(__file__).resolve()}  # which cites wrongly on purpose
)
PAGES = sorted(
    [*ROOT.glob("*.md"), *(path for top in ("docs", "assets", "tests") for path in (ROOT / top).rglob("*.md"))]
)
DATA = sorted((ROOT / "assets").rglob("*.json"))

NUMBER = r"\d+(?:\.\d+)*"
SECTIONS = rf"sections? ({NUMBER}(?:(?:, | and |, and | to |-){NUMBER})*)"
CITATION = re.compile(rf"([\w./-]*[\w-]\.md)\b(?:[)`]*,? (?:{SECTIONS}|(Q\d+)))?")
BARE = re.compile(SECTIONS)
PUBLICATION = re.compile(r"(?:19|20)\d\d\)?, $")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)")
HEADING = re.compile(rf"^#{{2,6}} ({NUMBER})\.? ", re.MULTILINE)
QUIRK = re.compile(r"^\| (Q\d+) \|", re.MULTILINE)


@cache
def sections(page: Path) -> frozenset[str]:
    """Numbers of a page's headings and the ids of its table of quirks."""
    text = page.read_text(encoding="utf-8")
    return frozenset(HEADING.findall(text)) | frozenset(QUIRK.findall(text))


def found_page(name: str, citing: Path) -> Path | None:
    """The page that a file means: from the repository's root, or beside the file."""
    places = (ROOT / name, citing.parent / name)
    return next((place.resolve() for place in places if place.is_file()), None)


def prose(path: Path) -> Iterator[str]:
    """A module's blocks of comments and its strings, each on one line; any other file whole."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield " ".join(text.split())
        return
    block, last = "", -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING:
            yield " ".join(token.string.split())
        elif token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield block
                block = ""
            block, last = f"{block} {token.string.lstrip('# ')}", token.start[0]
    yield block


def faults(text: str, citing: Path) -> set[str]:
    """What a text cites and is not there."""
    found, covered = set(), []
    for cited in CITATION.finditer(text):
        name, numbers, quirk = cited.groups()
        covered.append(cited.span())
        page = found_page(name, citing)
        if page is None:
            found.add(f"no page {name}")
            continue
        wanted = re.findall(NUMBER, numbers or "") + ([quirk] if quirk else [])
        found |= {f"{name} has no section {number}" for number in wanted if number not in sections(page)}
    for bare in BARE.finditer(text):
        if any(begin <= bare.start() < end for begin, end in covered):
            continue
        if citing.suffix == ".md":
            found |= {
                f"no section {number}" for number in re.findall(NUMBER, bare[1]) if number not in sections(citing)
            }
        elif not PUBLICATION.search(text[: bare.start()]):
            found.add(f"whose is {bare[0]}? ...{text[max(bare.start() - 40, 0) : bare.end()]}")
    return found


def test_citations_in_the_code_lead_to_a_page_and_its_section():
    missing = {
        f"{path.relative_to(ROOT)}: {fault}" for path in CODE for text in prose(path) for fault in faults(text, path)
    }
    assert not missing, "\n".join(sorted(missing))


def test_citations_in_pages_and_data_lead_to_a_page_and_its_section():
    missing = {
        f"{path.relative_to(ROOT)}: {fault}"
        for path in (*PAGES, *DATA)
        for text in prose(path)
        for fault in faults(text, path)
    }
    assert not missing, "\n".join(sorted(missing))


def test_links_of_the_pages_lead_to_files():
    missing = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in PAGES
        for link in LINK.findall(path.read_text(encoding="utf-8"))
        if "://" not in link and not (path.parent / link).exists()
    ]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize(
    ("page", "rest", "fault"),
    [
        ("docs/sources/emage", ", section 8.1", ""),
        ("docs/sources/emage", ", sections 2.2, 8.2 and 10", ""),
        ("docs/sources/emage", ", Q6", ""),
        ("docs/sources/nowhere", ", section 1", "no page"),
        ("emage", "", "no page"),
        ("docs/sources/emage", ", section 8.9", "has no section 8.9"),
        ("docs/sources/emage", ", sections 2 to 80", "has no section 80"),
        ("docs/sources/emage", ", Q99", "has no section Q99"),
    ],
)
def test_a_wrong_page_and_a_wrong_section_are_told(page: str, rest: str, fault: str):
    told = faults(f"as published ({page}.md{rest})", ROOT / "engine" / "cli.py")
    assert [fault in one for one in told] == ([True] if fault else [])


def test_a_section_without_a_page_is_told_unless_it_is_of_a_publication():
    assert faults("as they do (section 4)", ROOT / "engine" / "cli.py")
    assert not faults("attention (Vaswani et al. 2017, section 3.5)", ROOT / "engine" / "cli.py")


# --- names on the map -------------------------------------------------------------------------------------------------

MAP = ROOT / "docs" / "architecture.md"
NAMED = re.compile(r"`((?:engine|addon)(?:[./][\w.]+)+/?|(?:assets|tests|locks)/[\w./]*)`")


@cache
def names_of(module: Path) -> dict[str, frozenset[str]]:
    """What a module defines or imports, and for classes what they hold."""
    names: dict[str, frozenset[str]] = {}
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            inner = {getattr(item, "name", getattr(getattr(item, "target", None), "id", "")) for item in node.body}
            names[node.name] = frozenset(inner)
        elif isinstance(node, ast.FunctionDef):
            names[node.name] = frozenset()
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name): frozenset() for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id: frozenset() for target in targets if isinstance(target, ast.Name)}
    return names


def resolves(name: str) -> bool:
    """Whether a path, or a dotted name of a folder, a module, what it defines or a class's part, is there."""
    if "/" in name:
        return (ROOT / name).exists()
    parts, folder = name.split("."), ROOT
    while parts and (folder / parts[0]).is_dir():
        folder /= parts.pop(0)
    module = folder / "__init__.py"
    if parts and (folder / f"{parts[0]}.py").is_file():
        module = folder / f"{parts.pop(0)}.py"
    if not parts:
        return module.is_file() or folder.is_dir()
    inner = names_of(module).get(parts[0]) if module.is_file() else None
    return inner is not None and (len(parts) == 1 or parts[1] in inner)


def test_every_name_on_the_map_exists():
    names = set(NAMED.findall(MAP.read_text(encoding="utf-8")))
    assert len(names) > 40
    assert not sorted(name for name in names if not resolves(name))


@pytest.mark.parametrize(
    "name", ["engine.plan.planner.nothing", "engine.nowhere.at_all", "addon/nowhere/", "addon.ui.no"]
)
def test_a_name_that_does_not_exist_is_told(name: str):
    assert not resolves(name)
