"""Entry point of one web process."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from lifereview.chunked_bodies import read_chunked_bodies
from lifereview.proxy_headers import note_forwarded_headers
from lifereview.sub_path import serve_below

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")

_site = read_chunked_bodies(get_wsgi_application())
application = note_forwarded_headers(serve_below(settings.FORCE_SCRIPT_NAME or "", _site))

# Imported late: these need Django's apps to be loaded.
from ttscache import housekeeping  # noqa: E402
from ttscache.checks import require_valid_conf  # noqa: E402

require_valid_conf()
housekeeping.start_housekeeping()
