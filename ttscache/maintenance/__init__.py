"""Maintenance of stored clips: prune, invalidate, verify, relocate, export, clean up."""
