"""What the animator fixed, and the exact pass that every generator's output goes through (design.md section 4)."""
