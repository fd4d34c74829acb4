"""The product's settings, with a script on each page that tells what a browser complains about."""

from __future__ import annotations

from lifereview.settings import *  # noqa: F403
from lifereview.settings import MIDDLEWARE as _PRODUCT

MIDDLEWARE = [*_PRODUCT, "harness.complaints.hear_complaints"]  # the innermost
