"""Makes each clip once, however many requests ask for it."""
