"""Export of one take as FBX for game engines."""
