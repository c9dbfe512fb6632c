"""Find ARKit's shapes among shape keys of other spellings. No bpy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ..client.take_file import arkit_names

LONGEST_PREFIX = 24  # characters before the shape's own name, by eye: "Face.M_", "blendShape1.", "ARKit_BS_"
SIDES = {"left": "l", "right": "r"}


def find_shapes(blocks: Sequence[str]) -> dict[str, str]:
    """ARKit name -> shape key, for spellings such as ``Face.M_jawOpen``, ``jaw_open``, ``MouthSmile_L``.

    Letters' case and separators do not matter, nor does a prefix; where several shape keys would do, the one with the
    prefix that most have is taken. A shape key stands for one ARKit shape only.
    """
    plain = {block: re.sub(r"[^a-z0-9]", "", block.lower()) for block in blocks}
    options = {name: _options(name, plain) for name in arkit_names()}
    habit = Counter(prefix for found in options.values() for prefix in {prefix for prefix, _ in found})
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    # the names with the fewest candidates first, so that "jawLeft" does not take what only "mouthLeft" could be
    for name in sorted(arkit_names(), key=lambda name: len(options[name])):
        free = [(prefix, block) for prefix, block in options[name] if block not in taken]
        if free:
            best = max(free, key=lambda option: (habit[option[0]], -len(option[0])))
            chosen[name] = best[1]
            taken.add(best[1])
    return {name: chosen[name] for name in arkit_names() if name in chosen}


def _options(name: str, plain: dict[str, str]) -> list[tuple[str, str]]:
    """(prefix, shape key) of all that may be this shape."""
    wanted = name.lower()
    forms = {wanted}
    for word, letter in SIDES.items():
        if wanted.endswith(word):
            stem = wanted[: -len(word)]
            forms |= {stem + letter, word + stem, letter + stem}
    found = []
    for block, text in plain.items():
        for form in forms:
            prefix = text[: len(text) - len(form)]
            if text.endswith(form) and len(prefix) <= LONGEST_PREFIX:
                found.append((prefix, block))
                break
    return found
