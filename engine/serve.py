"""JSON-RPC 2.0 over stdin and stdout, a message a line (docs/sources/contracts.md, section 4).

Methods: ``hello``, ``generate``, ``bridge``, ``lexemes``, ``doctor``, ``weights``, ``cancel``, ``shutdown``. Progress
is the notification ``progress`` with job, stage and fraction. End of stdin ends the engine. Only this module writes to
stdout: whatever a library prints goes to stderr, which is the log.

Nothing but the standard library is imported before ``hello`` is answered: it comes at once, and from a Python that
lacks packages too, so that the job can say which.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from engine.errors import Cancelled, CospeechError
from engine.generators.abilities import declared_abilities
from engine.imports import fault_of_import, import_default_path
from engine.stdin import lines_of_stdin
from engine.take.progress import Course
from engine.version import __version__

if TYPE_CHECKING:
    from engine.body.motion import Motion
    from engine.speech.types import Speech
    from engine.take.options import TakeOptions

PROTOCOL: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "assets/protocol.json").read_text(encoding="utf-8")
)

# JSON-RPC 2.0; the last three are of its range for servers.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
USER_ERROR = -32000
CANCELLED = -32001
PACKAGE_ERROR = -32002  # what to do depends on where the Python comes from, which the client knows

# By eye.
PROGRESS_INTERVAL = 0.05  # s between two messages of one stage
MOST_VARIATIONS = 64  # of one request
LINES_KEPT = 4  # lines whose speech is remembered
LAST_SECONDS = 8.0  # for a job to end by itself when the input has ended


def serve_stdio() -> None:
    """Serve until stdin ends or ``shutdown`` comes."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)  # a library that prints must not corrupt the protocol
    Server(lines_of_stdin(), out).run()


class Server:
    """Reads messages on a thread, so that ``cancel`` is heard while a job runs; works on the calling thread."""

    def __init__(self, source: Iterable[str], out: TextIO) -> None:
        self._source = iter(source)
        self._out = out
        self._inbox: queue.Queue[str | None] = queue.Queue()
        self._cancelled: set[str] = set()
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "hello": self._hello,
            "generate": self._generate,
            "bridge": self._bridge,
            "lexemes": self._lexemes,
            "doctor": self._doctor,
            "weights": self._weights,
        }
        self._speech = SpeechCache()

    def run(self) -> None:
        """Answer requests one after the other: ``hello`` before the imports, all else after them."""
        first = next(self._source, "")
        greeting = _parsed(first)
        if isinstance(greeting, dict) and greeting.get("method") == "hello":
            self._answer(first)
            first = ""
        import_default_path()
        self._source = chain([first], self._source)
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
        # Blender is gone. A computation that does not look up any more must not outlive it.
        time.sleep(LAST_SECONDS)
        os._exit(0)

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
            self._send({"id": identity, "result": method(whole(params) if isinstance(params, dict) else {})})
        except Cancelled:
            self._send({"id": identity, "error": {"code": CANCELLED, "message": "Cancelled"}})
        except CospeechError as error:
            self._send({"id": identity, "error": {"code": USER_ERROR, "message": str(error)}})
        except Exception as error:  # the engine must outlive any job
            _log_traceback()
            self._send({"id": identity, "error": _fault(error)})

    def _send(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=True) + "\n")
        self._out.flush()

    def _hello(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL["protocol"],
            "engine": __version__,
            "generators": declared_abilities(),
            "python": sys.version.split()[0],
            "pid": os.getpid(),
        }

    def _doctor(self, _: dict[str, Any]) -> dict[str, Any]:
        from engine.inspection import examine_installation

        return examine_installation()

    def _weights(self, params: dict[str, Any]) -> dict[str, Any]:
        """What a folder of published weights holds; a sentence where it does not fit."""
        from engine.inspection import examine_weights

        return examine_weights(str(params.get("generator")), str(params.get("folder_of_weights") or ""))

    def _generate(self, params: dict[str, Any]) -> dict[str, Any]:
        """Takes of a line, ``variations`` many with seeds counting up; see takes_in."""
        count = params.get("variations", 1)
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_VARIATIONS:
            raise CospeechError(f"Variations asked for: {count}; choose a number from 1 to {MOST_VARIATIONS}")
        return self._takes(params, count, self._course(params, count))

    def _bridge(self, params: dict[str, Any]) -> dict[str, Any]:
        """The window of a base filled with body life, without speech: the way from one take to the next.

        Option ``windows``, pairs of frames: several gaps of one base instead of the hints' one window.
        """
        from engine.take.bridge import checked_windows, hints_for

        options = {"audio": "", **params["options"], "role": "idle"}
        if not options.get("hints"):
            raise CospeechError("A bridge needs hints with a base and a window; give the file that holds them")
        windows = checked_windows(options.pop("windows", None) or ())
        result: dict[str, Any] = {}
        course = self._course(params, len(windows))
        for number, window in enumerate(windows):
            name = hints_for(Path(str(params["folder"])), options["hints"], number, window, result.get("take", ""))
            result = self._takes({**params, "options": {**options, "hints": name}}, 1, course)
        return result or self._takes({**params, "options": options}, 1, course)

    def _takes(self, params: dict[str, Any], count: int, progress: Course) -> dict[str, Any]:
        from engine.take.make import make_takes, outcome_of

        folder = Path(str(params["folder"]))
        options = options_in(folder, params["options"])
        speech = self._speech.hear(options.checked(), progress)
        seeds = tuple(options.seed + index for index in range(count))
        takes: list[dict[str, Any]] = []
        first: Motion | None = None
        for seed, motion in zip(seeds, make_takes(options, seeds, progress, speech), strict=True):
            progress("write", 0.0)
            path = folder / ("take.npz" if count == 1 else f"take_{seed}.npz")
            motion.save(path)
            takes.append({"take": str(path), "seed": seed, **outcome_of(motion)})
            first = first or motion
        assert first is not None  # there is at least one seed
        return {**takes[0], "takes": takes, "frames": first.frames, "fps": first.fps}

    def _lexemes(self, _: dict[str, Any]) -> dict[str, Any]:
        from engine.plan.lexemes import lexemes

        return {"lexemes": [entry.row() for entry in lexemes()]}

    def _course(self, params: dict[str, Any], takes: int) -> Course:
        return Course(self._progress(str(params["job"])), takes)

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


def _fault(error: Exception) -> dict[str, Any]:
    """What the answer says of an error that is not the user's."""
    if fault := fault_of_import(error):
        return {"code": PACKAGE_ERROR, "message": fault}
    if isinstance(error, TypeError):
        return {"code": INVALID_PARAMS, "message": f"Unexpected options: {error}"}
    text = f"The engine failed ({type(error).__name__}: {error}); its log has the details"
    return {"code": INTERNAL_ERROR, "message": text}


def whole(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a request; with ``params_file`` those that are in this file of the job's folder, too."""
    if "params_file" not in params:
        return params
    path = Path(str(params.get("folder"))) / str(params["params_file"])
    try:
        rest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CospeechError(f"The request in {path} can't be read ({error}); try again") from error
    if not isinstance(rest, dict):
        raise CospeechError(f"The request in {path} is no object; try again")
    return {**rest, **params}


def _log_traceback() -> None:
    """Write the exception to the log; a full disk must not end the engine."""
    with suppress(OSError):
        traceback.print_exc()


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def options_in(folder: Path, given: Any) -> TakeOptions:
    """The options of a job; ``hints`` and ``plan`` are paths relative to its folder. TypeError for unknown ones."""
    from engine.take.options import TakeOptions

    if not isinstance(given, dict):
        raise TypeError(f"options must be an object, not {type(given).__name__}")
    options = {name: _frozen(value) for name, value in given.items()}
    for name in ("hints", "plan"):
        if options.get(name):
            options[name] = str(folder / str(options[name]))
    return TakeOptions(**options)


def _frozen(value: Any) -> Any:
    """A value from JSON with tuples in place of its lists."""
    return tuple(_frozen(entry) for entry in value) if isinstance(value, list) else value


class SpeechCache:
    """The lines heard last, so that a second job on the same line does not listen again."""

    def __init__(self) -> None:
        self._lines: dict[tuple[object, ...], Speech] = {}

    def hear(self, options: TakeOptions, progress: Callable[[str, float], None]) -> Speech:
        """The line of the options; heard anew where audio or transcript are others than before."""
        from engine.take.make import hear, with_corrections

        if not options.audio:
            return hear(options, progress)
        key = (_digest(options.audio), _digest(options.transcript), Path(options.transcript).suffix)
        speech = self._lines.pop(key, None)
        if speech is None or None in key:
            speech = hear(replace(options, words=()), progress)
        self._lines[key] = speech  # the one used last stands last
        for old in list(self._lines)[:-LINES_KEPT]:
            del self._lines[old]
        return with_corrections(speech, options)


def _digest(path: str) -> str | None:
    """A hash of a file's bytes; "" for no file, None for one that can't be read (listening says why)."""
    if not path:
        return ""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None
