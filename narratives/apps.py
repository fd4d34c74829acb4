from django.apps import AppConfig


class NarrativesConfig(AppConfig):
    name = "narratives"
    verbose_name = "Stories"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Not at the top: models can be imported only when all apps are loaded.
        from narratives.hooks import NarrativeHooks
        from ttscache import hooks

        hooks.install(NarrativeHooks())
