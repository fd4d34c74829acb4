"""Entry point of one web process."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from lifereview.chunked_bodies import read_chunked_bodies
from lifereview.private_files import write_privately
from lifereview.proxy_headers import note_forwarded_headers
from lifereview.request_ids import RequestIds
from lifereview.sub_path import serve_below
from lifereview.trusted_proxies import TrustedProxies
from narratives.reflections.care import load_safety_gate
from ttscache import housekeeping
from ttscache.checks import require_valid_conf

gc.disable()  # loading takes a fifth less time, and makes no garbage; LifeReviewConfig.ready ends this


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")

write_privately()
_site = serve_below(settings.FORCE_SCRIPT_NAME or "", read_chunked_bodies(get_wsgi_application()))
# The headers are noted as they came, so this is outside of what believes or ignores them.
application = note_forwarded_headers(TrustedProxies(RequestIds(_site)))

# Imported late: these need Django's apps to be loaded.

require_valid_conf()
load_safety_gate()
housekeeping.start_housekeeping()
