"""Looks at the disk and at the database before the site starts."""
