"""Staff: signing in, the second factor, colleagues, and what each has chosen."""
