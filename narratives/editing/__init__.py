"""Edits of drafts by staff."""
