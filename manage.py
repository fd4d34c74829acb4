#!/usr/bin/env python
"""Django's command line for this project."""

import gc
import os
import sys

gc.disable()  # loading takes a fifth less time, and makes no garbage; LifeReviewConfig.ready ends this

from django.core.management import execute_from_command_line  # noqa: E402

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")
    execute_from_command_line(sys.argv)
