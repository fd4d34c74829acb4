"""Helpers of tests and benchmarks.

Real servers: PostgreSQL, Valkey, S3, a speech API that misbehaves on command, the product itself, a browser.
Each is a context manager that binds 127.0.0.1 on a free port and leaves no process behind, however the test
ends. They drive the product from outside and do not use its models.

For tests inside one process: clips, a fake voice, rows, staff pages and the actions of staff.
"""

from __future__ import annotations


class Unavailable(RuntimeError):
    """This machine lacks a program. The message names it and the places that were searched."""
