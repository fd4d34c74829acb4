"""Says in one line that the database cannot be used, instead of a stack trace."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, InterfaceError, OperationalError, connection

MOST_CHARACTERS = 300
# SQLSTATE classes with which PostgreSQL refuses a connection: it cannot be reached, does not let this user
# in, has no such database, is full or shuts down. A lost connection has no SQLSTATE.
_REFUSALS = ("08", "28", "3D", "53", "57")


def require_database() -> None:
    """Stop a command with one line if the database cannot be reached or read. Raises CommandError."""
    try:
        connection.ensure_connection()
    except Error as error:
        raise CommandError(says_of_database(error)) from error


def says_of_database(error: Error) -> str:
    """One line with the setting that names the database, and what the database says. No password."""
    reason = " ".join(str(error).split())[:MOST_CHARACTERS]  # libpq names host and user, never the password
    if connection.vendor == "postgresql":
        return f"DATABASE_URL cannot be used: {reason}"
    return f"VAR_DIR={str(settings.VAR_DIR)!r} cannot be used: lifereview.sqlite3 in it: {reason}."


def is_about_connecting(error: Error) -> bool:
    """Whether the database itself cannot be used. Otherwise it refused one statement, which is our fault."""
    if not isinstance(error, OperationalError | InterfaceError):
        # SQLite says of a damaged file that it is no database, and Django passes that on as DatabaseError.
        return "file is not a database" in str(error) or "disk image is malformed" in str(error)
    if connection.vendor == "sqlite":
        return "no such" not in str(error)
    state = getattr(error.__cause__, "sqlstate", None)
    return not state or state.startswith(_REFUSALS)
