"""The character: our armature, the recognition of others, and the conversion between SMPL-X and pose bones.

Importing this package imports no bpy: ``skeleton``, ``convert`` and ``rig_map`` work without it.
"""
