#!/usr/bin/env python
"""Django's command line for this project."""

import gc
import os
import sys

gc.disable()  # loading takes a fifth less time, and makes no garbage; LifeReviewConfig.ready ends this

from django.core.management import execute_from_command_line  # noqa: E402
from django.db import Error  # noqa: E402

from lifereview.private_files import write_privately  # noqa: E402


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")
    write_privately()  # exports too
    try:
        execute_from_command_line(sys.argv)
    except Error as error:
        from lifereview.database_errors import is_about_connecting, says_of_database

        if "--traceback" in sys.argv or not is_about_connecting(error):
            raise
        raise SystemExit(says_of_database(error)) from None


if __name__ == "__main__":
    main()
