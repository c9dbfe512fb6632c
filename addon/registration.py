"""Registration: every feature's classes, settings, menu entries and handlers.

bpy is imported by the features and only when they are registered, so that :mod:`addon.client` stays free of it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

# In the order in which they need each other. Each names its classes in CLASSES, and in PROPERTIES what it adds to
# Blender's types: (type, name, property). One that adds more than that (menu entries, handlers) has attach(), detach().
MODULES = (
    "face.props",
    "generate.props",
    "speakers.props",
    "plan.props",
    "pins.props",
    "generate.ops",
    "main_panel",
    "generate.panel",
    "setup.weights_ops",
    "gaze.ops",
    "speakers.ops",
    "speakers.panel",
    "setup.props",
    "setup.ops",
    "setup.runtime_ops",
    "setup.panel",
    "speech.panel",
    "rig.ops",
    "rig.panel",
    "face.ops",
    "face.panel",
    "pins.counts",
    "pins.ops",
    "pins.pose_ops",
    "pins.target_ops",
    "pins.panel",
    "pins.menus",
    "takes.ops",
    "takes.fit_range",
    "takes.panel",
    "regenerate.ops",
    "regenerate.compare",
    "regenerate.panel",
    "layers.ops",
    "layers.panel",
    "plan.ops",
    "plan.emphasis_ops",
    "plan.panel",
    "plan.words_panel",
    "plan.handlers",
    "chain.ops",
    "chain.ends",
    "chain.listen",
    "chain.panel",
    "export.ops",
    "export.panel",
)


def register() -> None:
    """Register every module; if one fails, those before it are taken back."""
    done: list[ModuleType] = []
    try:
        for name in MODULES:
            module = import_module(f".{name}", __package__)
            _add(module)
            done.append(module)
    except Exception:
        for module in reversed(done):
            _remove(module)
        raise


def unregister() -> None:
    """Undo :func:`register`, in reverse order."""
    for name in reversed(MODULES):
        _remove(import_module(f".{name}", __package__))


def _add(module: ModuleType) -> None:
    import bpy

    for cls in module.CLASSES:
        bpy.utils.register_class(cls)
    for owner, name, prop in getattr(module, "PROPERTIES", ()):
        setattr(owner, name, prop)
    if hasattr(module, "attach"):
        module.attach()


def _remove(module: ModuleType) -> None:
    import bpy

    if hasattr(module, "detach"):
        module.detach()
    for owner, name, _ in reversed(getattr(module, "PROPERTIES", ())):
        delattr(owner, name)
    for cls in reversed(module.CLASSES):
        bpy.utils.unregister_class(cls)
