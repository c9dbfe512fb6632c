"""The line of dialogue in Blender: its transcript's file and its strip in the sequencer."""
