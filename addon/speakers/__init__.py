"""Speakers: whose ways the character has, as presets that can be saved."""
