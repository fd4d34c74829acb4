"""Make an API token and print it."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ttscache.models import ApiToken, TokenScope
from ttscache.models.tokens import scopes_of


class Command(BaseCommand):
    help = (
        "Makes an API token and prints it as the last word. It is shown only this once. Without --scope it "
        "may request speech and figures."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the person or program that will use it")
        parser.add_argument("--admin", action="store_true", help="the token may also remove old clips")
        parser.add_argument(
            "--scope",
            action="append",
            choices=TokenScope.values,
            help="what the token may be used for; give it again for more than one",
        )
        parser.add_argument("--expires-days", type=_whole, metavar="N", help="valid for so many days")
        parser.add_argument(
            "--daily-budget", type=_usd, metavar="USD", help="the most its new clips may cost in a day (UTC)"
        )
        parser.add_argument("--rate", type=_whole, metavar="N", help="new clips a minute")

    def handle(
        self,
        *args: Any,
        name: str,
        admin: bool,
        scope: list[str] | None,
        expires_days: int | None,
        daily_budget: float | None,
        rate: int | None,
        **options: Any,
    ) -> None:
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(
                f"There is already a token named {name!r}; delete it on the staff pages first."
            )
        if not name.strip() or len(name) > 100:
            raise CommandError("A token's name has 1 to 100 characters.")
        usual = [TokenScope.SPEECH, TokenScope.STATS]
        rights = scopes_of([*(scope or usual), *([TokenScope.ADMIN] if admin else [])])
        token = ApiToken.issue(
            name,
            **rights,
            expires_at=timezone.now() + timedelta(days=expires_days) if expires_days else None,
            daily_budget_usd=daily_budget,
            rate_a_minute=rate,
        )
        self.stdout.write(f"The token of {name}, shown only now: {token}")


def _whole(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 100_000:
        raise ArgumentTypeError(f"{given!r} is not a whole number from 1 to 100000")
    return int(given)


def _usd(given: str) -> float:
    try:
        usd = float(given)
    except ValueError:
        usd = -1
    if not 0 <= usd <= 1e6:
        raise ArgumentTypeError(f"{given!r} is not an amount in US dollars")
    return usd
