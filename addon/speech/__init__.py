"""The line of dialogue in Blender: its transcript's file and its strip in the sequencer."""

from . import panel

MODULES = (panel,)


def register() -> None:
    """Register the panel."""
    for module in MODULES:
        module.register()


def unregister() -> None:
    """Undo :func:`register`."""
    for module in reversed(MODULES):
        module.unregister()
