"""Entry point of one web process."""

import gc
import os

gc.disable()  # loading takes a fifth less time, and makes no garbage; LifeReviewConfig.ready ends this

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

from lifereview.middleware.chunked_bodies import read_chunked_bodies  # noqa: E402
from lifereview.middleware.proxy_headers import note_forwarded_headers  # noqa: E402
from lifereview.middleware.request_ids import RequestIds  # noqa: E402
from lifereview.middleware.sub_path import serve_below  # noqa: E402
from lifereview.middleware.trusted_proxies import TrustedProxies  # noqa: E402
from lifereview.private_files import write_privately  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")

write_privately()
_site = serve_below(settings.FORCE_SCRIPT_NAME or "", read_chunked_bodies(get_wsgi_application()))
# The headers are noted as they came, so this is outside of what believes or ignores them.
application = note_forwarded_headers(TrustedProxies(RequestIds(_site)))

# Imported late: these need Django's apps to be loaded.
from narratives.safety import load_gate  # noqa: E402
from ttscache import housekeeping  # noqa: E402
from ttscache.checks import require_valid_conf  # noqa: E402
from ttscache.connections import start_thread  # noqa: E402

require_valid_conf()
# The gate takes a sixth of a second to load, which hits need not wait for; the first answer would.
start_thread(load_gate, name="safety gate")
if not settings.ONLY_PLAYS:
    housekeeping.start_housekeeping()
