"""Imports in the engine go downwards only, folder by folder, and stand in no circle among the generators."""

from __future__ import annotations

from tests.support.import_graph import arrows, forbidden, imports, modules

# A floor a line, the lowest first: a folder imports what lies below its own line. The face shows a
# plan, so the plan lies one floor below it.
FLOORS = (
    ("errors", "version", "devices", "imports", "stdin"),
    ("body",),
    ("speech",),
    ("plan",),
    ("face", "hints", "models"),
    ("generators",),
    ("take",),
    ("training",),
    ("evaluation",),
    ("inspection",),
    ("serve",),
    ("cli",),
    ("__main__",),
)

GENERATORS = ("life", "gestures", "published")  # the folders of the generators, the lowest first


def test_no_folder_imports_what_lies_beside_or_above_it():
    assert forbidden("engine", FLOORS) == []


def test_the_table_names_every_folder_that_there_is():
    assert {folder for pair in arrows("engine") for folder in pair} - {""} == {name for row in FLOORS for name in row}


def test_the_folders_of_the_generators_import_one_way():
    known, found = modules("engine"), []
    for name, path in known.items():
        for other in imports(name, path, known):
            one, two = (parts[2] if len(parts) > 3 else "" for parts in (name.split("."), other.split(".")))
            if one in GENERATORS and two in GENERATORS and GENERATORS.index(one) < GENERATORS.index(two):
                found.append(f"{name} -> {other}")
    assert found == []
