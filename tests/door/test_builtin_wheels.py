"""The wheels of the extension's zip: their lock, and the folder that they are kept in. pip finds small ones in a
folder here, and asks no network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.support.wheels import make_wheel

sys.path.insert(0, str(ROOT / ".ci"))

import builtin_wheels
import logged_steps
from logged_steps import BuildError

# What a wheel's platform tag has in it, by platform.
TAGGED = {
    "linux-x64": ("manylinux", "x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx", "arm64"),
    "macos-x64": ("macosx", "x86_64"),
}


def fits_python(python: str, abi: str, tag: str) -> bool:
    """Whether a wheel's tags are for the Python ``tag``, as cp311 is."""
    if "py3" in python.split("."):
        return abi == "none"
    return python == tag if abi == tag else abi == "abi3" and int(python[3:]) <= int(tag[3:])


def fits_platform(tags: str, platform: str) -> bool:
    """Whether a wheel's platform tag is for Blender's ``platform``."""
    if tags == "any" or (platform.startswith("macos") and tags.endswith("universal2")):
        return True
    return all(all(part in tag for part in TAGGED[platform]) for tag in tags.split("."))


# --- the lock ---------------------------------------------------------------------------------------------------------


def test_every_platform_and_python_has_every_package_and_no_numpy():
    lock = builtin_wheels.read_lock()
    assert set(lock) == set(builtin_wheels.PLATFORMS)
    for pythons in lock.values():
        assert set(pythons) == set(builtin_wheels.PYTHONS)
        for packages in pythons.values():
            assert set(packages) == set(builtin_wheels.PACKAGES)
    assert "numpy" not in builtin_wheels.PACKAGES


def test_every_wheel_is_for_its_platform_and_python():
    for platform, pythons in builtin_wheels.read_lock().items():
        for tag, packages in pythons.items():
            for package, wheel in packages.items():
                name, _version, python, abi, tags = wheel.name.removesuffix(".whl").split("-")
                assert name.replace("_", "-") == package
                assert fits_python(python, abi, tag), f"{wheel.name} in {platform}.{tag}"
                assert fits_platform(tags, platform), f"{wheel.name} in {platform}.{tag}"
                assert len(wheel.sha256) == 64


def test_a_package_has_one_version_everywhere_and_it_is_the_engines():
    lock = (ROOT / "locks/engine.lock").read_text(encoding="utf-8")
    for pythons in builtin_wheels.read_lock().values():
        for packages in pythons.values():
            for package, wheel in packages.items():
                pin = builtin_wheels._pins(lock)[package]
                assert pin.startswith(f"{package}=={wheel.name.split('-')[1]} ")
                assert f"sha256:{wheel.sha256}" in pin


def test_of_two_versions_the_one_for_every_python_is_taken():
    lock = (
        "a==1.8 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\na==1.9 ; x \\\n    --hash=sha256:bb\nb==2 \\\n"
    )
    pins = builtin_wheels._pins(lock)
    assert pins["a"] == "a==1.8 --hash=sha256:aa"
    assert set(pins) == {"a", "b"}


@pytest.mark.parametrize("text", ["no lock", "[linux-x64.cp311]\nscipy = 3\n", "[linux-x64.cp311]\nscipy = {}\n"])
def test_a_damaged_lock_is_one_sentence(text, tmp_path, monkeypatch):
    monkeypatch.setattr(builtin_wheels, "LOCK", tmp_path / "builtin.lock")
    builtin_wheels.LOCK.write_text(text)
    with pytest.raises(BuildError, match=r"builtin\.lock can't be read .*; write it anew: python build\.py lock"):
        builtin_wheels.read_lock()


# --- the cache --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """The only folder that pip finds wheels in, with one wheel; the lock names it, and the cache is empty."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    wheel = make_wheel(folder, "cospeech_small", "1.0", {"cospeech_small.py": "SIZE = 1\n"})
    lock = tmp_path / "builtin.lock"
    entry = f'cospeech-small = {{ wheel = "{wheel.name}", sha256 = "{builtin_wheels._sha256(wheel)}" }}\n'
    lock.write_text("".join(f"[linux-x64.{tag}]\n{entry}" for tag in builtin_wheels.PYTHONS))
    monkeypatch.setattr(builtin_wheels, "LOCK", lock)
    monkeypatch.setattr(builtin_wheels, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(logged_steps, "LOGS", tmp_path / "out/logs")
    monkeypatch.setattr(logged_steps, "ROOT", tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    return folder


def fetched() -> list[Path]:
    return builtin_wheels.fetch(Path(sys.executable), "linux-x64")


def test_what_is_kept_is_not_fetched_again(shelf):
    (kept,) = fetched()
    assert kept == builtin_wheels.CACHE / "cospeech_small-1.0-py3-none-any.whl"
    assert [path.name for path in builtin_wheels.CACHE.iterdir()] == [kept.name]
    (shelf / kept.name).unlink()
    assert fetched() == [kept]


def test_a_tampered_wheel_in_the_cache_is_replaced(shelf):
    (kept,) = fetched()
    good = kept.read_bytes()
    kept.write_bytes(good[:-1] + b"x")
    assert fetched() == [kept]
    assert kept.read_bytes() == good


def test_another_wheel_of_the_same_name_is_refused(shelf):
    make_wheel(shelf, "cospeech_small", "1.0", {"cospeech_small.py": "SIZE = 2\n"})
    with pytest.raises(BuildError, match=r"^'.*pip.*' ended with status 1, last words: .*; the log is .*\.log$"):
        fetched()
    assert not list(builtin_wheels.CACHE.iterdir())


def test_a_wheel_that_is_not_to_be_had_is_one_sentence(shelf):
    next(shelf.iterdir()).unlink()
    with pytest.raises(BuildError, match="ended with status 1, last words: ERROR: No matching distribution"):
        fetched()


def test_a_platform_without_wheels_is_one_sentence(shelf):
    with pytest.raises(BuildError, match=r"no wheels for linux-arm64; package for linux-x64, .* or with --bare$"):
        builtin_wheels.fetch(Path(sys.executable), "linux-arm64")


def test_the_lock_is_written_from_the_engines(shelf, tmp_path, monkeypatch):
    """Other lines of the engine's lock stay out, and what is written is what was read."""
    wheel = next(shelf.iterdir())
    versions = tmp_path / "engine.lock"
    pin = (
        f"cospeech-small==1.0 \\\n    --hash=sha256:{builtin_wheels._sha256(wheel)} \\\n    --hash=sha256:{'0' * 64}\n"
    )
    versions.write_text(f"absent==1.0 \\\n    --hash=sha256:{'0' * 64}\n{pin}")
    monkeypatch.setattr(builtin_wheels, "VERSIONS", versions)
    monkeypatch.setattr(builtin_wheels, "OUT", tmp_path)
    monkeypatch.setattr(builtin_wheels, "PACKAGES", ("cospeech-small",))
    before = builtin_wheels.read_lock()["linux-x64"]
    assert builtin_wheels.relock(Path(sys.executable)) == 1
    after = builtin_wheels.read_lock()
    assert set(after) == set(builtin_wheels.PLATFORMS)
    assert all(pythons == before for pythons in after.values())
    monkeypatch.setattr(builtin_wheels, "PACKAGES", ("cospeech-small", "scipy"))
    with pytest.raises(BuildError, match=r"engine\.lock has no scipy"):
        builtin_wheels.relock(Path(sys.executable))
