from django.apps import AppConfig


class NarrativesConfig(AppConfig):
    name = "narratives"
    verbose_name = "Narratives"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from narratives.predicting import what_follows
        from ttscache import predicting

        predicting.register(what_follows)
