"""JSON-RPC 2.0 over stdin and stdout, a message a line (design.md section 6).

Methods: ``hello``, ``generate``, ``doctor``, ``cancel``, ``shutdown``. Progress is the notification ``progress`` with
job, stage and fraction. End of stdin ends the engine. Only this module writes to stdout: whatever a library prints
goes to stderr, which is the log.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from engine.errors import Cancelled, CospeechError
from engine.skeleton import ASSETS
from engine.version import __version__

PROTOCOL: dict[str, Any] = json.loads((ASSETS / "protocol.json").read_text(encoding="utf-8"))

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
USER_ERROR = -32000
CANCELLED = -32001

PROGRESS_INTERVAL = 0.05


def serve_stdio() -> None:
    """Serve until stdin ends or ``shutdown`` comes."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)  # a library that prints must not corrupt the protocol
    Server(sys.stdin, out).run()


class Server:
    """Reads messages on a thread, so that ``cancel`` is heard while a job runs; works on the calling thread."""

    def __init__(self, source: TextIO, out: TextIO) -> None:
        self._source = source
        self._out = out
        self._inbox: queue.Queue[str | None] = queue.Queue()
        self._cancelled: set[str] = set()
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "hello": self._hello,
            "generate": self._generate,
            "doctor": self._doctor,
        }

    def run(self) -> None:
        """Answer requests one after the other."""
        threading.Thread(target=self._read, daemon=True).start()
        while (line := self._inbox.get()) is not None:
            self._answer(line)

    def _read(self) -> None:
        for line in self._source:
            if not line.strip():
                continue
            message = _parsed(line)
            method = message.get("method") if isinstance(message, dict) else None
            if method == "cancel" and isinstance(message, dict):
                params = message.get("params")
                self._cancelled.add(str(params.get("job") if isinstance(params, dict) else None))
            elif method == "shutdown":
                break
            else:
                self._inbox.put(line)
        self._cancelled.add("*")
        self._inbox.put(None)

    def _answer(self, line: str) -> None:
        message = _parsed(line)
        if message is None:
            self._send({"id": None, "error": {"code": PARSE_ERROR, "message": "The message is not JSON"}})
            return
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            self._send({"id": None, "error": {"code": INVALID_REQUEST, "message": "The message is not a request"}})
            return
        identity, params = message.get("id"), message.get("params", {})
        method = self._methods.get(message["method"])
        if method is None:
            error = {"code": METHOD_NOT_FOUND, "message": f"The engine has no method '{message['method']}'"}
            self._send({"id": identity, "error": error})
            return
        try:
            self._send({"id": identity, "result": method(params if isinstance(params, dict) else {})})
        except Cancelled:
            self._send({"id": identity, "error": {"code": CANCELLED, "message": "Cancelled"}})
        except CospeechError as error:
            self._send({"id": identity, "error": {"code": USER_ERROR, "message": str(error)}})
        except TypeError as error:
            traceback.print_exc()
            self._send({"id": identity, "error": {"code": INVALID_PARAMS, "message": f"Unexpected options: {error}"}})
        except Exception as error:  # the engine must outlive any job
            traceback.print_exc()
            text = f"The engine failed ({type(error).__name__}: {error}); its log has the details"
            self._send({"id": identity, "error": {"code": INTERNAL_ERROR, "message": text}})

    def _send(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=True) + "\n")
        self._out.flush()

    def _hello(self, _: dict[str, Any]) -> dict[str, Any]:
        from engine.pipeline import GENERATORS

        return {
            "protocol": PROTOCOL["protocol"],
            "engine": __version__,
            "generators": list(GENERATORS),
            "python": sys.version.split()[0],
            "pid": os.getpid(),
        }

    def _doctor(self, _: dict[str, Any]) -> dict[str, Any]:
        from engine.inspection import examine_installation

        return examine_installation()

    def _generate(self, params: dict[str, Any]) -> dict[str, Any]:
        from engine.pipeline import TakeOptions, make_take

        job, folder = str(params["job"]), Path(str(params["folder"]))
        options = dict(params["options"])
        options["parts"] = tuple(options.get("parts", TakeOptions(audio="").parts))
        progress = self._progress(job)
        motion = make_take(TakeOptions(**options), progress)
        progress("write", 0.0)
        path = folder / "take.npz"
        motion.save(path)
        return {
            "take": str(path),
            "frames": motion.frames,
            "fps": motion.fps,
            "warnings": (motion.provenance or {}).get("warnings", []),
        }

    def _progress(self, job: str) -> Callable[[str, float], None]:
        last_time, last_stage = 0.0, ""

        def progress(stage: str, fraction: float) -> None:
            nonlocal last_time, last_stage
            if job in self._cancelled or "*" in self._cancelled:
                raise Cancelled
            now = time.monotonic()
            if stage == last_stage and now - last_time < PROGRESS_INTERVAL:
                return
            last_time, last_stage = now, stage
            params = {"job": job, "stage": stage, "fraction": round(float(fraction), 4)}
            self._send({"method": "progress", "params": params})

        return progress


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None
