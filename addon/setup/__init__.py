"""Preferences and the engine: its Python, its log, its test."""

from . import ops, panel, props

MODULES = (props, ops, panel)


def register() -> None:
    """Register preferences, operators and panels."""
    for module in MODULES:
        module.register()


def unregister() -> None:
    """Undo :func:`register`."""
    for module in reversed(MODULES):
        module.unregister()
