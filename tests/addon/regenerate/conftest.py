"""What the tests of Regenerate start from."""

from __future__ import annotations

import pytest


@pytest.fixture
def scene(shot):
    """The scene of the shot, opened anew."""
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(shot))
    return bpy.context.scene
