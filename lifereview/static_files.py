"""Static files under names that change with their content, so that browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Modules name each other by these names too: a page never mixes old scripts with new ones."""

    support_js_module_import_aggregation = True
