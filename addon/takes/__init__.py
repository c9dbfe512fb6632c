"""Takes: keys in bulk, one Action a take, loading and saving."""

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
