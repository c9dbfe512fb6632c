"""Registering twice, and leaving cleanly: in processes of their own, since a left timer hangs Blender 4.5 at exit."""

from __future__ import annotations

import subprocess
import sys

from tests.limits import HANG_SECONDS
from tests.places import ROOT


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS)


def test_register_and_unregister_twice_without_a_word_or_a_trace():
    result = run(
        "import bpy, addon\n"
        "def look():\n"
        "    menus = ('TOPBAR_MT_file_import', 'TOPBAR_MT_file_export', 'VIEW3D_MT_armature_add')\n"
        "    draws = [f for m in menus for f in getattr(getattr(bpy.types, m).draw, '_draw_funcs', ())]\n"
        "    lists = {n: getattr(bpy.app.handlers, n) for n in dir(bpy.app.handlers)}\n"
        "    handlers = {n: len(h) for n, h in lists.items() if isinstance(h, list)}\n"
        "    handlers['menus'] = [f for f in draws if f.__module__.startswith('addon.')]\n"
        "    ours = [n for n in dir(bpy.types) if 'COSPEECH' in n.upper()]\n"
        "    return ours, hasattr(bpy.types.Scene, 'cospeech'), handlers\n"
        "before = look()\n"
        "for _ in range(2):\n"
        "    addon.register()\n"
        "    assert hasattr(bpy.types, 'COSPEECH_OT_export_fbx') and hasattr(bpy.types, 'COSPEECH_PT_takes')\n"
        "    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)\n"
        "    addon.unregister()\n"
        "    assert look() == before, (before, look())\n"
    )
    assert result.returncode == 0, result.stderr
    # What Blender says by itself of a system that lacks something (a container has no list of mounted disks).
    of_blender = run("import bpy; bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)").stderr
    assert set(result.stderr.splitlines()) <= set(of_blender.splitlines())


def test_a_process_that_used_the_add_on_ends():
    """As Blender does when it quits: add-ons are unregistered. (4.5 hangs where any operator class is left.)"""
    result = run(
        "import bpy, addon, tempfile, os, numpy as np; addon.register(); bpy.ops.cospeech.add_character()\n"
        "path = os.path.join(tempfile.mkdtemp(), 'a.npz')\n"
        "np.savez(path, poses=np.zeros((9, 165)), trans=np.zeros((9, 3)), hand_reference='flat')\n"
        "bpy.ops.cospeech.load_take(filepath=path); bpy.ops.cospeech.save_take(filepath=path)\n"
        "addon.unregister(); print('done')"
    )
    assert result.returncode == 0, result.stderr
    assert "done" in result.stdout


def test_the_client_and_the_numbers_need_no_bpy():
    result = run(
        "import sys; sys.modules['bpy'] = None\n"
        "import addon.client.take_file, addon.rig.convert, addon.rig.rig_map, addon.rig.skeleton, addon.paths\n"
        "import addon.takes.resample, addon.export.root_motion, addon.export.presets\n"
        "assert addon.paths.asset('skeleton.json').is_file()\n"
    )
    assert result.returncode == 0, result.stderr


def test_every_operator_says_what_it_is(addon):
    import bpy

    names = dir(bpy.ops.cospeech)
    assert {"add_character", "use_character", "load_take", "save_take", "use_take", "export_fbx"} <= set(names)
    for name in names:
        kind = getattr(bpy.ops.cospeech, name).get_rna_type()
        assert kind.name, name
        assert kind.description, name
        assert not kind.description.endswith("."), name  # Blender adds it
