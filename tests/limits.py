"""The one time limit of all tests. How long things take is no test's matter: ``build.py bench`` measures that."""

from __future__ import annotations

# What has not come back by then hangs, on the slowest and busiest machine too. A stand-in for an engine that hangs does
# so for six times as long, so that whoever waits for its end is found.
HANG_SECONDS = 600.0
