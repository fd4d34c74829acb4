"""The staff's first page."""
