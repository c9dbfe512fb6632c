"""Regenerate: a window of the active take made anew around what the animator fixed."""
