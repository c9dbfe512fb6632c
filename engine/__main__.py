"""``python -m engine``: the command line. What the add-on asks for works without the packages of the command line."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Serve or examine at once; else the command line, or one sentence where Python lacks its packages."""
    words = sys.argv[1:]
    if words == ["serve"]:
        from engine.serve import serve_stdio

        serve_stdio()
    elif words == ["doctor", "--json"]:
        from engine.inspection import examine_installation

        report = examine_installation()
        print(json.dumps(report))
        sys.exit(None if report["ready"] else f"cospeech: {report['problem']}")
    else:
        _command_line()


def _command_line() -> None:
    try:
        from engine.cli import main as command_line
    except ModuleNotFoundError as error:
        sys.exit(f"cospeech: The command line needs the package {error.name}; install it with pip, or use Blender")
    command_line()


if __name__ == "__main__":
    main()
