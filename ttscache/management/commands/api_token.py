"""Make an API token and print it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ttscache.models import ApiToken


class Command(BaseCommand):
    help = "Makes an API token and prints it as the last word. It is shown only this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person or program that will use it")
        parser.add_argument("--admin", action="store_true", help="the token may also remove old clips")

    def handle(self, *args: Any, name: str, admin: bool, **options: Any) -> None:
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(
                f"There is already a token named {name!r}; delete it on the staff pages first."
            )
        if not name.strip() or len(name) > 100:
            raise CommandError("A token's name has 1 to 100 characters.")
        self.stdout.write(f"The token of {name}, shown only now: {ApiToken.issue(name, is_admin=admin)}")
