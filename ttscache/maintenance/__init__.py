"""Keeping what is stored in order: prune, invalidate, verify, relocate, clean up."""
