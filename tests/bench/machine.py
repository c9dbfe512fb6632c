"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sys


def machine() -> dict[str, object]:
    """Processor, cores and Python."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
    }
