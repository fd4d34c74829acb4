import gc

from django.apps import AppConfig


class LifeReviewConfig(AppConfig):
    name = "lifereview"
    verbose_name = "Life Review"

    def ready(self) -> None:
        """Collect garbage from now on, but never look again at what was loaded: it stays."""
        from lifereview.accounts import sign_in  # noqa: F401 - its lines in the log hang on signals

        gc.freeze()
        gc.enable()
