"""Cospeech's add-on: the only code that imports bpy. Registration, and nothing else.

bpy is imported by the features and only when they are registered, so that :mod:`addon.client` stays free of it.
"""

from __future__ import annotations

from importlib import import_module

# One line a feature, in the order in which they need each other; each has register() and unregister().
FEATURES = (
    "generate",
    "setup",
    "speech",
    "rig",
    "takes",
    "export",
)


def register() -> None:
    """Register every feature; if one fails, those before it are taken back."""
    done: list[str] = []
    try:
        for name in FEATURES:
            import_module(f".{name}", __package__).register()
            done.append(name)
    except Exception:
        for name in reversed(done):
            import_module(f".{name}", __package__).unregister()
        raise


def unregister() -> None:
    """Undo :func:`register`, in reverse order."""
    for name in reversed(FEATURES):
        import_module(f".{name}", __package__).unregister()
