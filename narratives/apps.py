from django.apps import AppConfig


class NarrativesConfig(AppConfig):
    name = "narratives"
    verbose_name = "Narratives"
    default_auto_field = "django.db.models.BigAutoField"
