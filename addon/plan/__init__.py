"""The plan of a take: which word gets which gesture, and when; edited here, performed by Regenerate."""
