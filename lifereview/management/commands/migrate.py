"""Django's migrate, but it never makes a new database in the place of a lost one."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from lifereview.start.verdict import note_site, require_whole_file


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        require_whole_file()  # before the checks: they open the database, which would make the file
        output = super().execute(*args, **options)
        note_site()
        return output
