"""The add-on is built in floors: a folder imports from those below its own, and from nothing else."""

from __future__ import annotations

from tests.support.import_graph import folder_of, forbidden, modules

# Bottom first. Folders on one floor know nothing of each other.
FLOORS = (
    ("compat", "paths"),  # Blender's versions; where our files lie
    ("client",),  # the engine's process, jobs and files; no bpy
    ("scene",),  # what a scene says of itself, and the names of its choices
    ("ui",),  # what panels and operators share
    ("rig", "setup", "speech"),  # the character; the engine's environment and its jobs; the line's files
    ("speakers", "takes"),  # who performs; what was performed, as Actions
    ("face", "pins"),  # which meshes, which emotion; what must stay
    ("gaze",),  # what is looked at
    ("plan",),  # which word gets which gesture, and whether a take is still what its inputs say
    ("generate",),  # a line becomes a take
    ("regenerate", "chain", "layers"),  # what is done to takes
    ("export", "preview"),  # what leaves Blender: files for engines; pictures
    ("main_panel", "registration"),  # the one primary button; what Blender calls
    ("demo",),  # a line becomes files, as an animator would do it
)


def test_the_add_on_imports_downward_only():
    assert forbidden("addon", FLOORS) == []


def test_every_folder_has_its_floor():
    there = {folder_of(name) for name in modules("addon")} - {""}
    named = [folder for floor in FLOORS for folder in floor]
    assert sorted(named) == sorted(there)
