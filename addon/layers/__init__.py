"""What the animator does with a take's keys: few of them within an error bound, and her edits in a layer above it."""
