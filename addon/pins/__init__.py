"""What the animator fixed in a take: pins, edited keys, and places that hands, feet and head shall reach."""
