"""A scripted session in a real Blender with a window: ``BLENDER='...' python build.py test --window``."""
