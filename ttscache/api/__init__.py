"""The HTTP API (DRF), one module a topic."""
