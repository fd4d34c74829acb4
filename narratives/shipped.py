"""What comes with this project, loaded once: the default journey, a gentle one, and the reflection bank.

Each is remembered by its name, so what staff have deleted since stays deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import transaction

from narratives import publishing
from narratives.models import BankReflection, Journey, ShippedContent

GENTLE_CONTENT = Path(__file__).parent / "content" / "gentle_content.json"


def load_shipped_content() -> list[str]:
    """Load what was never here before; returns what that was, in words. Only what is live is made."""
    return list(_load())


def _load() -> Iterator[str]:
    default = _content(publishing.DEFAULT_CONTENT)
    deeds: list[tuple[str, Callable[[], object]]] = [
        (default["narrative"]["slug"], publishing.load_default_content),
        (_content(GENTLE_CONTENT)["narrative"]["slug"], _load_gentle_journey),
        ("reflection-bank", lambda: _load_bank(default)),
    ]
    for name, load in deeds:
        with transaction.atomic():
            publishing.one_at_a_time()
            if not ShippedContent.objects.get_or_create(name=name)[1]:
                continue
            loaded = load()
        if loaded:
            yield str(loaded)


def _load_gentle_journey() -> Journey | None:
    content = _content(GENTLE_CONTENT)
    if Journey.everything.filter(slug=content["narrative"]["slug"]).exists():
        return None
    return publishing.create_journey(content)


def _load_bank(content: dict[str, Any]) -> str:
    if BankReflection.objects.exists():
        return ""
    reflections = [
        BankReflection(text=each["text"], theme=each["theme"], occasion=each["when"])
        for each in content["reflections"]
    ]
    BankReflection.objects.bulk_create(reflections)
    publishing.hold_clips()
    return f"{len(reflections)} reflections"


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
