"""The registered staff pages: one module for each kind of page."""

from django.contrib.admin.sites import site

from ttscache.admin import (  # noqa: F401 - they register
    alerts,
    api_tokens,
    clips,
    prune_runs,
    usage,
    voices,
    warm_runs,
)

# Unfold fills it from its DASHBOARD_CALLBACK; see ttscache.admin.dashboard.page.
site.index_template = "ttscache/dashboard/index.html"
