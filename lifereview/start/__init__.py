"""Looks at the disk and at the SQLite file before the site starts."""
