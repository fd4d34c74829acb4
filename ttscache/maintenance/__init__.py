"""Maintenance of stored clips: prune, invalidate, verify, relocate, export; upkeep of the rows."""
