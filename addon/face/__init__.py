"""The face: how it feels, and which meshes of a character receive its curves under which names."""
