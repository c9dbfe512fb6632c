"""What the add-on's tests share beside helpers."""

from __future__ import annotations

import pytest

from tests.places import ROOT


@pytest.fixture(scope="session")
def shot(addon, tmp_path_factory):
    """A saved file with a generated take of the demo line on a character, beginning on frame 11."""
    from tests.support.regenerate_shot import make_shot

    if not (ROOT / ".venv/bin/python").is_file():
        pytest.skip("the engine's environment .venv is not set up")
    return make_shot(tmp_path_factory.mktemp("shot"))
