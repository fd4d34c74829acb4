from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ttscache.models import ApiToken


class Command(BaseCommand):
    help = "Makes an API token and prints it, once: the last word on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="who or what will use it")
        parser.add_argument("--admin", action="store_true", help="may also prune")

    def handle(self, *args: Any, name: str, admin: bool, **options: Any) -> None:
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(f"There is a token named {name!r} already; delete it in the admin first.")
        if not name.strip() or len(name) > 100:
            raise CommandError("A token's name has 1 to 100 characters.")
        self.stdout.write(f"The token of {name}, shown only now: {ApiToken.issue(name, is_admin=admin)}")
