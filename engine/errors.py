"""Errors whose message is meant for the user: one sentence that says what is wrong and what to do."""

from __future__ import annotations


class CospeechError(Exception):
    """Bad input or an impossible request; ``str(error)`` is shown to the user as it is."""


class AudioError(CospeechError):
    """The audio can't be used (missing, unreadable, silent, too short or too long)."""


class TranscriptError(CospeechError):
    """The transcript can't be read."""


class TakeError(CospeechError):
    """A take (.npz) is missing or damaged, or is not a take."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """Raised by a progress callback to stop a job."""
