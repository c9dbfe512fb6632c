"""What the client's tests share beside helpers."""

from __future__ import annotations

import pytest

from addon.client.engine import Engine
from tests.places import ROOT
from tests.support.faults import PROTOCOL


@pytest.fixture
def engine():
    """An engine that has no process yet; whatever it starts ends with the test."""
    engine = Engine(ROOT, PROTOCOL)
    yield engine
    engine.close()
