"""Entry point of one web process."""

import gc
import os

gc.disable()  # loading takes a fifth less time, and makes no garbage; LifeReviewConfig.ready ends this

from django.core.wsgi import get_wsgi_application  # noqa: E402

from lifereview.chunked_bodies import read_chunked_bodies  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")

application = read_chunked_bodies(get_wsgi_application())

# Imported late: these need Django's apps to be loaded.
from narratives.reflections.care import load_safety_gate  # noqa: E402
from ttscache import housekeeping  # noqa: E402
from ttscache.checks import require_valid_conf  # noqa: E402

require_valid_conf()
load_safety_gate()
housekeeping.start_housekeeping()
