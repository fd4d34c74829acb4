"""Django's cache, in the database or in Redis."""
