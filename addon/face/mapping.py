"""Fill, save and read the mapping of a character's face."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy

from ..client.archive import replacing
from ..client.take_file import arkit_names
from ..rig.character import character_meshes
from ..rig.recognise import first_names
from ..scene import face_of
from .names import find_shapes

FORMAT = "cospeech face mapping"
LARGEST = 2**20  # bytes, by eye; a mapping has a few thousand


class MappingError(Exception):
    """The mapping can't be made or read; ``str(error)`` is one sentence for the user."""


def find_mapping(armature: bpy.types.Object, more: Iterable[bpy.types.Object] = ()) -> dict[str, int]:
    """Fill the mapping by a search of names on the character's meshes and on ``more``; shapes found by mesh.

    Meshes without any fitting shape key are left out. MappingError where there is none; nothing has changed then.
    """
    meshes = {mesh.name: mesh for mesh in (*character_meshes(armature), *more) if mesh.type == "MESH"}
    found: dict[str, dict[str, str]] = {}
    for name, mesh in meshes.items():
        key = mesh.data.shape_keys
        blocks = [block.name for block in key.key_blocks if block != key.reference_key] if key is not None else []
        shapes = find_shapes(blocks)
        if shapes:
            found[name] = shapes
    if not found:
        raise MappingError(
            f"No mesh of '{armature.name}' has shape keys that resemble ARKit's names; "
            "select the meshes of its face too, or name their shape keys like jawOpen"
        )
    fill(armature, found, meshes)
    return {name: len(shapes) for name, shapes in found.items()}


def fill(
    armature: bpy.types.Object, shapes: dict[str, dict[str, str]], meshes: dict[str, bpy.types.Object] | None = None
) -> None:
    """Replace the mapping: mesh name -> ARKit name -> shape key."""
    mapping = face_of(armature)
    mapping.meshes.clear()
    for name, names in shapes.items():
        entry = mapping.meshes.add()
        entry.name, entry.mesh = name, (meshes or bpy.data.objects)[name]
        for shape in arkit_names():
            row = entry.shapes.add()
            row.name, row.block = shape, names.get(shape, "")
    mapping.active_mesh, mapping.use = 0, True


def clear(armature: bpy.types.Object) -> None:
    """Back to ARKit's own names on every mesh of the character."""
    face_of(armature).meshes.clear()
    face_of(armature).use = False


def write_mapping(armature: bpy.types.Object, path: Path) -> None:
    """Save the mapping as JSON; MappingError where the file can't be written."""
    meshes = [
        {
            "mesh": entry.mesh.name,
            "use": bool(entry.use),
            "shapes": {row.name: row.block for row in entry.shapes if row.block},
        }
        for entry in face_of(armature).meshes
        if entry.mesh is not None
    ]
    text = json.dumps({"format": FORMAT, "version": 1, "meshes": meshes}, indent=1, ensure_ascii=False)
    try:
        with replacing(path) as written:
            written.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise MappingError(f"{path.name} can't be written ({error.strerror}); choose another place") from error


def read_mapping(armature: bpy.types.Object, path: Path) -> list[str]:
    """Take over a saved mapping; notes on meshes and shape keys that this file lacks.

    MappingError where the file is none, or where none of its meshes is here; nothing has changed then.
    """
    entries = _entries(path)
    here = {mesh.name: mesh for mesh in bpy.data.objects if mesh.type == "MESH"}
    known = [entry for entry in entries if entry["mesh"] in here]
    if not known:
        named = ", ".join(str(entry["mesh"]) for entry in entries[:3]) or "none"
        raise MappingError(f"{path.name} is for other meshes ({named}); rename yours like these, or use Find")
    fill(armature, {str(entry["mesh"]): dict(entry["shapes"]) for entry in known}, here)
    for row, entry in zip(face_of(armature).meshes, known, strict=True):
        row.use = bool(entry.get("use", True))
    notes = [f"There is no mesh '{entry['mesh']}' here" for entry in entries if entry["mesh"] not in here]
    return [*notes, *missing_blocks(armature)]


def missing_blocks(armature: bpy.types.Object) -> list[str]:
    """Sentences about shape keys that the mapping names and the meshes lack, or that stand for two shapes."""
    notes = []
    for entry in face_of(armature).meshes:
        key = entry.mesh.data.shape_keys if entry.mesh is not None and entry.mesh.type == "MESH" else None
        blocks = [row.block for row in entry.shapes if row.block]
        gone = [block for block in blocks if key is None or block not in key.key_blocks]
        if gone:
            notes.append(f"'{entry.name}' lacks the shape key {first_names(_quoted(gone))}; choose another one")
        twice = sorted({block for block in blocks if blocks.count(block) > 1})
        if twice:
            notes.append(
                f"{first_names(_quoted(twice))} of '{entry.name}' stands for two shapes; only the first moves it"
            )
    return notes


def _quoted(names: Iterable[str]) -> list[str]:
    return [f"'{name}'" for name in names]


def _entries(path: Path) -> list[dict[str, Any]]:
    wrong = MappingError(f"{path.name} is no face mapping of Cospeech; choose a file that Save Mapping wrote")
    try:
        if path.stat().st_size > LARGEST:
            raise wrong
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError(f"{path.name} can't be read ({error.strerror}); choose another file") from error
    except ValueError as error:
        raise wrong from error
    entries = data.get("meshes") if isinstance(data, dict) and data.get("format") == FORMAT else None
    if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
        raise wrong
    return entries


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("mesh"), str):
        return False
    shapes = entry.get("shapes")
    return isinstance(shapes, dict) and all(isinstance(text, str) for pair in shapes.items() for text in pair)
