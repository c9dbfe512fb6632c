"""Run by the runtime's own Python: which of its packages are missing or changed. Prints a JSON list of names.

python -I verify_packages.py name==version ...
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import sys


def is_whole(name: str, version: str) -> bool:
    """Whether every file that the package recorded with a hash is there with that hash."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    if distribution.version != version or not distribution.files:
        return False
    for file in distribution.files:
        if file.hash is None or file.suffix == ".pyc":  # numpy records one, which pip compiles anew
            continue
        try:
            with open(str(file.locate()), "rb") as stream:  # noqa: PTH123
                digest = hashlib.new(file.hash.mode, stream.read()).digest()
        except OSError:
            return False
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != file.hash.value:
            return False
    return True


if __name__ == "__main__":
    print(json.dumps([word for word in sys.argv[1:] if not is_whole(*word.split("=="))]))
