"""The web server: its workers, where it listens, and what keeps it running."""
