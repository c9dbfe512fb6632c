"""Which Python runs the engine: every order of what may be there; and what the built-in one says it lacks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.setup.archives import found_archive
from addon.setup.interpreters import BUILT_IN, CHECKOUT, CHOSEN, NETWORKS, BuiltIn, built_in, choose
from addon.setup.runtimes import Runtime, python_of
from addon.setup.wheelhouse import platform_name

TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
OTHER = "cp313" if TAG != "cp313" else "cp311"
VERSION = "1.0"


def own(whole: bool) -> BuiltIn:
    return BuiltIn(
        Path(sys.executable), Path("packages"), (Path("scipy-1-cp311-cp311-x.whl"),), () if whole else ("scipy",)
    )


def runtime(version: str) -> Runtime | None:
    return Runtime(Path(f"runtime/{version}"), {"version": version}) if version else None


@given(
    chosen=st.sampled_from(["", "/hers/python"]),
    version=st.sampled_from(["", VERSION, "0.9"]),
    whole=st.booleans(),
    networks=st.booleans(),
)
def test_the_order_of_pythons(tmp_path_factory, chosen, version, whole, networks):
    nowhere = tmp_path_factory.getbasetemp() / "no checkout"
    found = choose(chosen, runtime(version), own(whole), nowhere, VERSION, networks=networks)
    if chosen:
        assert (found.kind, found.python) == (CHOSEN, Path(chosen))
    elif networks:
        assert (found and found.kind) == (NETWORKS if version == VERSION else None)
    elif whole:  # an older runtime never wins over what is built in
        assert (found.kind, found.packages) == (BUILT_IN, "packages")
    else:
        assert (found and found.python) == (python_of(Path(f"runtime/{version}")) if version else None)


def test_a_checkout_comes_last(tmp_path):
    python = python_of(tmp_path / ".venv")
    python.parent.mkdir(parents=True)
    python.touch()
    assert choose("", None, own(False), tmp_path, VERSION, networks=True).kind == CHECKOUT
    assert choose("", None, own(True), tmp_path, VERSION, networks=False).kind == BUILT_IN
    assert choose("", None, own(True), tmp_path, VERSION, networks=True).kind == CHECKOUT


@pytest.fixture
def extension(tmp_path):
    """An installed extension whose manifest names wheels of two Pythons."""
    root = tmp_path / "user_default/cospeech"
    root.mkdir(parents=True)
    names = [
        f"./wheels/praat_parselmouth-0.4.7-{TAG}-{TAG}-linux_x86_64.whl",
        f"./wheels/praat_parselmouth-0.4.7-{OTHER}-{OTHER}-linux_x86_64.whl",
        "./wheels/safetensors-0.8.0-cp310-abi3-linux_x86_64.whl",
        "./wheels/future-1.0-cp399-abi3-linux_x86_64.whl",
        "./wheels/num2words-0.5.14-py3-none-any.whl",
    ]
    (root / "blender_manifest.toml").write_text(f"wheels = {names!r}\n")
    return root


def test_what_is_built_in_is_read_off_the_manifest_and_the_packages(extension):
    found = built_in(extension)
    assert [wheel.name.split("-")[0] for wheel in found.wheels] == ["praat_parselmouth", "safetensors", "num2words"]
    assert found.missing == ("praat_parselmouth", "safetensors", "num2words")
    assert found.problem == "The built-in engine lacks praat_parselmouth, safetensors, num2words; press Repair"
    assert not found.is_whole
    found.packages.mkdir(parents=True)
    for name in ("Praat.Parselmouth-0.4.8", "safetensors-0.9", "num2words-0.5.14"):  # another extension's may be newer
        (found.packages / f"{name}.dist-info").mkdir()
    again = built_in(extension)
    assert again.is_whole
    assert again.problem == ""


def test_a_bare_zip_has_nothing_built_in_and_no_problem_with_that(tmp_path):
    root = tmp_path / "user_default/cospeech"
    root.mkdir(parents=True)
    (root / "blender_manifest.toml").write_text('id = "cospeech"\n')
    assert not built_in(root).is_whole
    assert built_in(root).problem == ""


def test_the_newest_archive_of_this_version_and_system_is_found(tmp_path):
    import os
    import sysconfig

    system = platform_name(sysconfig.get_platform())
    beside, downloads = tmp_path / "beside", tmp_path / "Downloads"
    downloads.mkdir()
    assert found_archive((beside, downloads), VERSION) is None
    for number, name in enumerate(
        (f"1.0-{system}-py311", f"1.0-{system}-py313", "1.0-other-py311", f"0.9-{system}-py311")
    ):
        path = downloads / f"cospeech-runtime-{name}.zip"
        path.touch()
        os.utime(path, (number, number))
    assert found_archive((beside, downloads), VERSION).name == f"cospeech-runtime-1.0-{system}-py313.zip"
    beside.mkdir()
    nearer = beside / f"cospeech-runtime-1.0-{system}-py311.zip"
    nearer.touch()
    assert found_archive((beside, downloads), VERSION) == nearer
