"""Generate Gestures: the one primary button."""

from . import ops, panel, props

MODULES = (props, ops, panel)


def register() -> None:
    """Register settings, operators and the main panel."""
    for module in MODULES:
        module.register()


def unregister() -> None:
    """Undo :func:`register`."""
    for module in reversed(MODULES):
        module.unregister()
