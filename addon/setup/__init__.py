"""Preferences and the engine: its Python, its log, its test."""
