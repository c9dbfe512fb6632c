"""Commands of the engine, called in this process."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from engine.cli import app


def run(*words: object) -> list[dict[str, object]]:
    """A command that ends well; the objects that it prints."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]
