"""The registered staff pages: one module for each kind of page."""

from django.contrib.admin.sites import site

from ttscache.admin import alerts, api_tokens, clips, prune_runs, usage, warm_runs  # noqa: F401 - they register

# Unfold fills it from its DASHBOARD_CALLBACK; see ttscache.admin.dashboard.page.
site.index_template = "ttscache/dashboard/index.html"
