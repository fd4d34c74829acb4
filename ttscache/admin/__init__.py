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

# Unfold fills this template with what its DASHBOARD_CALLBACK returns; see ttscache.admin.dashboard.page.
site.index_template = "ttscache/dashboard/index.html"
