from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class TtsCacheConfig(AppConfig):
    name = "ttscache"
    verbose_name = "Sound"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ttscache import checks  # noqa: F401 - registers itself
        from ttscache.api import schema  # noqa: F401 - registers itself
        from ttscache.monitoring.schedules import guard_scheduler

        guard_scheduler()
        # post_migrate is the only hook that runs after the last table of every app was created.
        post_migrate.connect(_close_public_roles, sender=self)


def _close_public_roles(*, using: str, **_: Any) -> None:
    from ttscache.adoption import public_roles

    public_roles.close_public_roles(connections[using])
    public_roles.tell_what_is_open(connections[using])
