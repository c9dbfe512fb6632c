"""Takes: keys in bulk, one Action a take, loading and saving."""
