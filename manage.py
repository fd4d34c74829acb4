#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line

from lifereview.private_files import write_privately

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")
    write_privately()  # exports too
    execute_from_command_line(sys.argv)
