"""``python -m engine``: the command line, and Blender's door, which needs no package to open."""

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        from engine.serve import serve_stdio

        serve_stdio()
    else:
        from engine.cli import main

        main()
