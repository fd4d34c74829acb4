from django.apps import AppConfig


class NarrativesConfig(AppConfig):
    name = "narratives"
    verbose_name = "Stories"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from narratives.editing.deleting import remove_for_good
        from narratives.predicting import what_follows
        from narratives.publishing import switch_what_is_ready
        from narratives.staff import action_items
        from ttscache import predicting, run_ends, tidying

        predicting.register(what_follows)
        run_ends.register(switch_what_is_ready)
        tidying.register(remove_for_good)
        action_items.register()
