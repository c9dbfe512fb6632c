"""Small releases, made once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def emage_folder(kept) -> Path:
    """EMAGE in small, in the published layout; nobody writes into it."""
    from tests.support.small_emage import small_release

    return kept("emage audio", small_release)


@pytest.fixture(scope="session")
def standing_folder(kept) -> Path:
    """The same, of somebody who stands; nobody writes into it."""
    from tests.support.small_emage import standing_release

    return kept("emage standing", standing_release)
