"""The character: our armature, the recognition of others, and the conversion between SMPL-X and pose bones.

Importing this package imports no bpy: ``skeleton``, ``convert`` and ``rig_map`` work without it.
"""

from importlib import import_module

MODULES = ("ops", "panel")


def register() -> None:
    """Register operators and panel."""
    for name in MODULES:
        import_module(f".{name}", __package__).register()


def unregister() -> None:
    """Undo :func:`register`."""
    for name in reversed(MODULES):
        import_module(f".{name}", __package__).unregister()
