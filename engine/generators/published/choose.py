"""The published systems as generators, from the folders that the user gives; each is imported only when it is asked
for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.generators.abilities import GENERATORS

if TYPE_CHECKING:
    from engine.generators.base import Generator

PUBLISHED = tuple(name for name, declared in GENERATORS.items() if declared.needs_weights)


def published_generator(name: str, weights: str, device: str) -> Generator:
    """A published system from its folder, kept from take to take; CheckpointError says what is unfit."""
    from engine.devices import chosen_device
    from engine.models.weight_search import weights_in

    folder = Path(weights)
    written = tuple(path.stat().st_mtime_ns for path in weights_in(folder))
    return _loaded(name, folder, chosen_device(device), written)


@lru_cache(maxsize=1)
def _loaded(name: str, folder: Path, device: str, _written: tuple[int, ...]) -> Generator:
    if name == "semtalk":
        from engine.generators.published.semtalk import SemTalkGenerator

        return SemTalkGenerator.from_folder(folder, device)
    if name == "semges":
        from engine.generators.published.semges import SemgesGenerator

        return SemgesGenerator.from_folder(folder, device)
    from engine.generators.published.emage import EmageGenerator

    return EmageGenerator.from_folder(folder, device)


def examine(name: str, folder: Path) -> dict[str, Any]:
    """Parameters and speakers of the networks in a folder; CheckpointError says what is missing or unfit."""
    if name == "semtalk":
        from engine.generators.published.semtalk_folder import load_release

        networks = load_release(folder).networks
        modules: tuple[Any, ...] = (networks.base, networks.sparse, networks.codecs)
        speakers = networks.base.size.speakers
    elif name == "semges":
        from engine.generators.published.semges import SemgesGenerator

        models = SemgesGenerator.from_folder(folder).models
        modules, speakers = (models.model, *models.codecs), models.model.size.speakers
    else:
        from engine.models.checkpoints import load_emage

        found = load_emage(folder)
        modules, speakers = (found.model, found.codecs), found.model.size.speakers
    count = sum(p.numel() for module in modules if module is not None for p in module.parameters())
    return {"parameters": count, "speakers": speakers}
