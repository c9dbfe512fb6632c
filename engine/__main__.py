"""``python -m engine``: the command line. What the add-on asks for works without the packages of the command line."""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Serve or examine at once; else the command line, or one sentence where Python lacks its packages."""
    words = sys.argv[1:]
    if words == ["serve"]:
        from engine.serve import serve_stdio

        serve_stdio()
    elif words == ["doctor", "--json"]:
        report = _examination()
        print(json.dumps(report))
        sys.exit(None if report["ready"] else f"cospeech: {report['problem']}")
    else:
        _command_line()


def _examination() -> dict[str, Any]:
    from engine.imports import fault_of_import

    try:
        from engine.inspection import examine_installation
    except Exception as error:  # a package's code may fail in any way
        fault = fault_of_import(error)
        if not fault:
            raise
        return {"ready": False, "problem": fault}
    return examine_installation()


def _command_line() -> None:
    try:
        from engine.cli import main as command_line
    except ModuleNotFoundError as error:
        sys.exit(f"cospeech: The command line needs the package {error.name}; install it with pip, or use Blender")
    command_line()


if __name__ == "__main__":
    main()
