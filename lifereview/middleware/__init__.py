"""Middleware, of WSGI and of Django: the way of each request in and out."""
