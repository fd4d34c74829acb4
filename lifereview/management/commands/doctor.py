"""Print how the site is, on one page."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from lifereview.doctor import LineState, look_at_everything


class Command(BaseCommand):
    help = (
        "Prints versions, settings, database, room, provider, cluster, schedules, mail, proxy and clock "
        "on one page, without secrets. Ends with 1 if something is wrong; a warning alone ends with 0."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for scripts: a list of part, says and state")

    def handle(self, *args: Any, **options: Any) -> None:
        lines = list(look_at_everything())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(each) for each in lines], indent=1))
        else:
            width = max(len(each.part) for each in lines)
            for each in lines:
                mark = "" if each.state is LineState.OK else f"{each.state.upper()}: "
                self.stdout.write(f"{each.part:{width}}  {mark}{each.says}")
        if any(each.state is LineState.WRONG for each in lines):
            sys.exit(1)
