"""Opens each staff page; see the package."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import django
from django.core.management import call_command

if TYPE_CHECKING:
    from django.test import Client

LISTS = (
    "clip",
    "rendition",
    "warmrun",
    "prunerun",
    "alert",
    "usage",
    "playbackstart",
    "spending",
    "apitoken",
)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "harness.without_narratives.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    for address in _opened_pages():
        print(address)
    unwanted = {name.partition(".")[0] for name in sys.modules} & {"narratives", "lifereview"}
    if unwanted:
        sys.exit(f"imported although it is not installed: {', '.join(sorted(unwanted))}")


def _opened_pages() -> list[str]:
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    client = Client()
    client.force_login(User.objects.create_superuser("ana"))
    addresses = [*_pages_of_one_thing(), *(reverse(f"admin:ttscache_{name}_changelist") for name in LISTS)]
    for name in ("index", "ttscache_clip_stale", "ttscache_clip_make_missing", "ttscache_clip_retry"):
        addresses.append(reverse(f"admin:{name}"))
    for address in addresses:
        _open(client, address)
    return addresses


def _pages_of_one_thing() -> list[str]:
    from django.urls import reverse
    from django.utils import timezone

    from ttscache.models import Clip, Pin, PruneRun, Usage, WarmItem, WarmRun
    from ttscache.renditions.current import request_for

    now = timezone.now()
    missing = Clip.objects.record(request_for("Not made.", "nova"), "question")
    Pin.objects.create(content_hash=missing.content_hash, reason=Pin.Reason.LIVE)
    made = Clip.objects.record(request_for("Made.", "nova"), "question")
    sound = {"checksum": "0123456789abcdef", "duration_ms": 900, "waveform": bytes(range(100))}
    Clip.objects.filter(pk=made.pk).update(stored_at=now, **sound)
    counted = {"content_type": "question", "voice": "nova", "outcome": "memory", "latency_bucket": 1}
    Usage.objects.create(hour=now, requests=9, **counted)
    run = WarmRun.objects.create(scope="nova", state=WarmRun.State.RUNNING)
    failed = {"state": WarmItem.State.FAILED, "finished_at": now}
    WarmItem.objects.create(run=run, clip=missing, position=0, characters=9, **failed)
    prune = PruneRun.objects.create(days=90, listed=1)
    return [
        reverse("admin:ttscache_clip_change", args=[missing.pk]),
        reverse("admin:ttscache_clip_change", args=[made.pk]),
        reverse("admin:ttscache_warmrun_change", args=[run.pk]),
        reverse("admin:ttscache_warmrun_try_again", args=[run.pk]),
        reverse("admin:ttscache_prunerun_change", args=[prune.pk]),
    ]


def _open(client: Client, address: str) -> None:
    """Open a page. Exits if it fails or asks for a static file that no app has."""
    from django.contrib.staticfiles import finders

    answer = client.get(address)
    if answer.status_code != 200:
        sys.exit(f"{address} is answered with {answer.status_code}")
    wanted = set(re.findall(r'(?:href|src)="/static/([^"?#]+)', answer.content.decode()))
    absent = [name for name in wanted if finders.find(name) is None]
    if absent:
        sys.exit(f"{address} asks for {', '.join(sorted(absent))}")


if __name__ == "__main__":
    main()
