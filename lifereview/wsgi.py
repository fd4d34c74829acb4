"""The server's entry point: one process of the web."""

import os

from django.core.wsgi import get_wsgi_application

from lifereview.chunked_bodies import read_chunked_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")

application = read_chunked_bodies(get_wsgi_application())

from ttscache import housekeeping  # noqa: E402 - needs the applications to be ready

housekeeping.start()
