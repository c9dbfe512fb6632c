"""Generate Gestures: the one primary button."""
