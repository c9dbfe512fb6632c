"""Where things lie: the checkout, its demo line, the tests' own clips, and what may stand beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests/data"  # short clips whose phone or word times are known
DEMO = ROOT / "assets/demo/demo.flac"
TRANSCRIPT = DEMO.with_suffix(".txt")
LINE = DATA / "demo_start.flac"  # the demo line's first 12.8 s, for what needs no more of it; its text beside it
SHARED = ROOT.parent / "shared"
SPEECH = SHARED / "speech"
CORPUS = SHARED / "corpus"

ENGINE_PYTHON = ROOT / ".venv/bin/python"
needs_engine = pytest.mark.skipif(not ENGINE_PYTHON.is_file(), reason="the engine's environment .venv is not set up")
