"""The registered staff pages: one module for each kind of page."""

from ttscache.admin import alerts, api_tokens, clips, prune_runs, usage, warm_runs  # noqa: F401 - they register
