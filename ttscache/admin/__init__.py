"""The registered staff pages."""

from ttscache.admin import clips  # noqa: F401 - it registers them
