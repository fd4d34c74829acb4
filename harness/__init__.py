"""What tests and benchmarks share.

Real servers: PostgreSQL, Valkey, S3, a speech API that misbehaves on command, the product itself, a browser.
Each is a context manager that binds 127.0.0.1 on a free port and leaves no process behind, however the test
ends. They drive the product from outside and know nothing of its models.

Beside them, for tests inside one process: clips, a fake voice, rows, staff pages and what staff do on them.
"""

from __future__ import annotations


class Unavailable(RuntimeError):
    """This machine lacks the program; the message says which, and where it was looked for."""
