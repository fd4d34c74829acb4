"""Let somebody who has lost phone and spare codes set up their second factor anew."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from lifereview.accounts.second_factor import forget_devices


class Command(BaseCommand):
    help = "Removes a staff user's app and spare codes; the next sign-in sets them up anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no staff user named {username!r}.")
        removed = forget_devices(user)
        self.stdout.write(f"{username} sets up a second factor at the next sign-in ({removed} removed).")
