"""Talks to the engine process: protocol, process, jobs, take files. Nothing here imports bpy."""
