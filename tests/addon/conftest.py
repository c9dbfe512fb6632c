"""What the add-on's tests share beside helpers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.places import ENGINE_PYTHON


@pytest.fixture
def mia(blank):
    """The scene's character with a small face, in an empty file."""
    import bpy

    from addon.rig.armature import create_armature
    from tests.support.addon_clips import add_face

    armature = create_armature(bpy.context, "Mia")
    add_face(armature)
    blank.cospeech.character = armature
    return armature


@pytest.fixture(scope="session")
def weights_of(kept) -> Callable[[str], Path]:
    """A folder with small weights of "emage", "semtalk" or "semges"; its name has a space and a letter beyond ASCII."""
    from tests.support.small_weights import write_weights

    return lambda system: kept(f"{system} áudio", lambda folder: write_weights(system, folder))


@pytest.fixture(scope="session")
def shot(addon, kept):
    """A saved file with a generated take of the line on a character, beginning on frame 11."""
    from tests.support.regenerate_shot import SHOT, make_shot

    if not ENGINE_PYTHON.is_file():
        pytest.skip("the engine's environment .venv is not set up")
    return kept("shot", make_shot) / SHOT
