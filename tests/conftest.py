"""What all tests share. bpy is imported only by tests that ask for the add-on, since the engine runs without it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.once import once

# An example that is slow is a busy machine, not a fault; whoever hangs meets pytest's time limit.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


# Files that take longest begin first: else one worker ends with one of them while the other has nothing left.
LONGEST = (
    "tests/e2e/test_built_in.py",
    "tests/engine/training/test_training_emage.py",
    "tests/engine/take/test_window_anew.py",
    "tests/addon/setup/test_set_up.py",
    "tests/addon/regenerate/test_regenerate.py",
    "tests/addon/layers/test_simplify.py",
    "tests/engine/generators/gestures/test_authored_forms.py",
    "tests/addon/export/test_export.py",
    "tests/e2e/test_runtime.py",
    "tests/engine/test_serve.py",
    "tests/engine/training/test_training_semtalk.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all others in the order that was drawn."""
    places = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONGEST)))


def pytest_configure(config: pytest.Config) -> None:
    """Give Blender a user folder of its own, before anything imports bpy."""
    if "COSPEECH_TEST_RESOURCES" not in os.environ:
        folder = tempfile.mkdtemp(prefix="cospeech_tests_")
        os.environ["COSPEECH_TEST_RESOURCES"] = os.environ["BLENDER_USER_RESOURCES"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The seed of the order, so that a run can be repeated; pytest's own line of it is left out by -q."""
    seed = config.getoption("randomly_seed", None)
    if isinstance(seed, int):
        terminalreporter.write_line(f"order of the tests: --randomly-seed={seed}")


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A folder of a name, filled once in all workers by a function that is given it (tests/support/once.py)."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return lambda name, make: once(shared / f"kept {name}", make)


@pytest.fixture(scope="session")
def addon():
    """The add-on, registered; unregistered at the end, so that no timer keeps the process from leaving."""
    import addon as package

    package.register()
    yield package
    package.unregister()


@pytest.fixture
def blank(addon):
    """An empty file with the add-on registered: 24 fps, frames 1..50, one scene. Yields the scene."""
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    scene.frame_start, scene.frame_end = 1, 50
    scene.frame_set(1)
    return scene
