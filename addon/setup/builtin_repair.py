"""Repair of the built-in engine: packages that are missing or changed come from the extension's wheels again."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Generator
from pathlib import Path

from ..client.children import engine_environment
from .interpreters import BuiltIn, package_of
from .repair import VERIFIER, VERIFY_SECONDS
from .wheelhouse import SetUpError
from .work import Work, WorkJob


class BuiltInRepairJob(WorkJob):
    """Verifies each built-in package against its recorded hashes, and unpacks the wheels of those that are broken."""

    def __init__(self, root: Path, own: BuiltIn, log: Path) -> None:
        self._root, self._own = root, own
        super().__init__(root, log)

    def work(self) -> Work:
        """Verify, unpack, verify again, test."""
        broken = yield from self._broken()
        for number, wheel in enumerate(broken):
            self.stage, self.fraction = "unpack", 0.3 + 0.3 * number / len(broken)
            yield from self._unpack(wheel)
        if broken:
            left = yield from self._broken()
            if left:
                names = ", ".join(map(package_of, left))
                raise SetUpError(f"{names} can't be repaired in place; install the extension's zip again")
        self.stage, self.fraction = "test", 0.7
        assert self._own.python is not None
        report = yield from self.examined(self._own.python, self._root, str(self._own.packages))
        repaired = f"unpacked {', '.join(map(package_of, broken))} again" if broken else "has nothing broken"
        self.result, self.fraction = {**report, "repaired": repaired}, 1.0

    def _broken(self) -> Generator[None, None, list[Path]]:
        self.stage, self.fraction = "verify", 0.05
        own = self._own
        if own.python is None:
            raise SetUpError(own.problem)
        names = {"==".join(wheel.name.split("-")[:2]): wheel for wheel in own.wheels}
        status, printed = yield from self.run(
            [own.python, VERIFIER, *names],
            seconds=VERIFY_SECONDS,
            environment=engine_environment(own.packages, self.log.parent),
            watch=self.check_cancel,
        )
        try:
            return [names[name] for name in json.loads(printed)]
        except (ValueError, KeyError):
            raise SetUpError(f"The packages could not be verified ({self.last_words(status)}); try again") from None

    def _unpack(self, wheel: Path) -> Work:
        """Put a wheel's files where Blender put them; its package may be one of a newer version that fits as well."""
        try:
            with zipfile.ZipFile(wheel) as archive:
                for number, name in enumerate(archive.namelist()):
                    if ".data/" not in name:  # of packages with programs, of which there is none
                        archive.extract(name, self._own.packages)
                    if number % 50 == 49:
                        yield
        except (OSError, zipfile.BadZipFile) as error:
            raise SetUpError(f"{wheel.name} can't be unpacked ({error}); install the extension's zip again") from error
