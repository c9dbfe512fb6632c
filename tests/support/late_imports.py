"""``python -m tests.support.late_imports FILE``: the engine's ``serve``, which ends by writing to FILE, as JSON, the
modules that were first imported after its reader had started, each with its file.

With TORCH after it, torch is imported before: the doctor asks it for its devices.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from engine import serve


class Watched(serve.Server):
    """Notes what is imported when its reader starts."""

    def _read(self) -> None:
        self.early = set(sys.modules)
        super()._read()

    def run(self) -> None:
        super().run()
        late = {name: file_of(module) for name, module in list(sys.modules.items()) if name not in self.early}
        Path(sys.argv[1]).write_text(json.dumps(late))


def file_of(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "")


if __name__ == "__main__":
    if sys.argv[2:] == ["TORCH"]:
        import_module("torch")
    serve.Server = Watched  # type: ignore[misc]
    serve.serve_stdio()
