"""Repair: find what is broken in the runtime and install it again; make it anew where it does not start."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

from . import runtimes, wheelhouse
from .install import Plan, SetUpJob
from .wheelhouse import SetUpError, Wheelhouse
from .work import Work

VERIFIER = Path(__file__).with_name("verify_packages.py")
VERIFY_SECONDS = 900.0  # that verifying may take, by eye: a cold disk


class RepairJob(SetUpJob):
    """Verifies each package of the runtime against its recorded hashes; mends it in its place."""

    def __init__(self, plan: Plan, runtime: runtimes.Runtime | None) -> None:
        self._runtime = runtime
        super().__init__(plan)

    def work(self) -> Work:
        """Verify, mend, test."""
        runtime = self._runtime
        status = 1
        if runtime is not None and runtime.python.is_file():
            self.stage = "verify"
            status, _ = yield from self.run([runtime.python, "-I", "-c", "import json"], seconds=60.0)
        if runtime is None or status != 0 or runtime.version != self.plan.version:
            yield from super().work()  # needs the archive
            self.result["repaired"] = "made anew"
            return
        house = self._archive(runtime)
        broken = yield from self._broken(runtime, house)
        if broken:
            yield from self._mend(runtime, house, broken)
        report = yield from self.self_test(runtime.folder)
        self.result = {**report, "repaired": f"{len(broken)} packages installed again" if broken else "nothing broken"}

    def _archive(self, runtime: runtimes.Runtime) -> Wheelhouse:
        if not runtime.info.get("archive"):
            raise SetUpError("This engine was set up online; set it up again")
        recorded = Path(str(runtime.info["archive"]))
        house = wheelhouse.read(recorded if recorded.is_file() else self.plan.archive or recorded)
        if house.digest != runtime.info.get("digest"):
            raise SetUpError(f"{house.path.name} is not what this engine was set up from; set it up again")
        return house

    def _broken(self, runtime: runtimes.Runtime, house: Wheelhouse) -> Generator[None, None, list[str]]:
        self.stage, self.fraction = "verify", 0.05
        names = [wheel.requirement.split(" ")[0] for wheel in house.wheels]
        status, printed = yield from self.run(
            [runtime.python, "-I", VERIFIER, *names], seconds=VERIFY_SECONDS, watch=self.check_cancel
        )
        try:
            return list(json.loads(printed))
        except ValueError:
            raise SetUpError(f"The packages could not be verified ({self.last_words(status)}); try again") from None

    def _mend(self, runtime: runtimes.Runtime, house: Wheelhouse, broken: list[str]) -> Work:
        yield from self._begin(f"repair {house.digest}")
        wheels = tuple(wheel for wheel in house.wheels if wheel.requirement.split(" ")[0] in broken)
        yield from self._unpack(house, wheels)
        self.stage, self.fraction = "install", 0.4
        yield from self._install(house, wheels, runtime.folder, "--force-reinstall", "--ignore-installed")
        left = yield from self._broken(runtime, house)
        if left:
            raise SetUpError(f"{', '.join(left)} can't be repaired in place; set the engine up again")
        for folder in (self.partial, self._wheels):
            if folder.exists():
                yield from self.remove(folder)
