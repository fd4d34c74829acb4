"""Entry point of one web process."""

import os

from django.core.wsgi import get_wsgi_application

from lifereview.chunked_bodies import read_chunked_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")

application = read_chunked_bodies(get_wsgi_application())

# Imported late: these need Django's apps to be loaded.
from django.conf import settings  # noqa: E402

from ttscache import housekeeping  # noqa: E402
from ttscache.checks import require_valid_conf  # noqa: E402

require_valid_conf()
if not settings.ONLY_PLAYS:
    housekeeping.start_housekeeping()
