"""Pure functions on text: no database, no requests."""
