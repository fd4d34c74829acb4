from django.apps import AppConfig


class LifeReviewConfig(AppConfig):
    name = "lifereview"
    verbose_name = "Life Review"

    def ready(self) -> None:
        from lifereview import sign_in  # noqa: F401 - its lines in the log hang on signals
