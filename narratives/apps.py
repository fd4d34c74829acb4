from django.apps import AppConfig


class NarrativesConfig(AppConfig):
    name = "narratives"
    verbose_name = "Stories"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from narratives import needs
        from narratives.deleting import remove_for_good
        from narratives.predicting import what_follows
        from narratives.publishing import switch_what_is_ready
        from ttscache import predicting, run_ends
        from ttscache.maintenance import cleanup

        predicting.register(what_follows)
        run_ends.register(switch_what_is_ready)
        cleanup.register(remove_for_good)
        needs.register()
