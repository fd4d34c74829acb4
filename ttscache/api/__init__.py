"""The HTTP API (Django REST framework): one module for each endpoint, and what they share."""
