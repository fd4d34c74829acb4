"""Entry point of one web process."""

import os

from django.core.wsgi import get_wsgi_application

from lifereview.chunked_bodies import read_chunked_bodies
from lifereview.private_files import write_privately
from lifereview.request_ids import RequestIds
from lifereview.trusted_proxies import TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")

write_privately()
_application = get_wsgi_application()  # loads the settings
application = TrustedProxies(RequestIds(read_chunked_bodies(_application)))

# Imported late: these need Django's apps to be loaded.
from ttscache import housekeeping  # noqa: E402
from ttscache.checks import require_valid_conf  # noqa: E402

require_valid_conf()
housekeeping.start_housekeeping()
