"""Real servers for tests and benchmarks: PostgreSQL, Valkey, S3, a speech API that misbehaves on command, the
product itself, and a browser. Each is a context manager that binds 127.0.0.1 on a free port and leaves no
process behind, however the test ends. Nothing here knows the product's models: it is driven from outside.
"""

from __future__ import annotations


class Unavailable(RuntimeError):
    """This machine lacks the program; the message says which, and where it was looked for."""
