"""Load the default content once: two journeys, the reflection bank, and its additions for hard answers.

ShippedContent remembers what was loaded, so content that staff delete stays deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import transaction

from narratives import publishing
from narratives.models import BankReflection, Journey, Narrative, ShippedContent

DEFAULT_CONTENT = Path(__file__).parent / "default_content.json"
GENTLE_CONTENT = Path(__file__).parent / "gentle_content.json"
HARD_ANSWERS = Path(__file__).parent / "hard_answers.json"


def load_shipped_content() -> list[str]:
    """Load what was never loaded before and return it in words. Makes clips of live texts only."""
    told = []
    default = _content(DEFAULT_CONTENT)
    loaders: list[tuple[str, Callable[[], object]]] = [
        (default["narrative"]["slug"], load_default_content),
        (_content(GENTLE_CONTENT)["narrative"]["slug"], _load_gentle_journey),
        ("reflection-bank", lambda: _load_bank(default)),
        ("reflections-for-hard-answers", lambda: _add_hard_answers(default)),
    ]
    for name, load in loaders:
        with transaction.atomic():
            publishing.lock_publishing()
            # In the same transaction: if loading fails, the name is not remembered either.
            if not ShippedContent.objects.get_or_create(name=name)[1]:
                continue
            loaded = load()
        if loaded:
            told.append(str(loaded))
    return told


def load_default_content(path: Path = DEFAULT_CONTENT) -> Journey | None:
    """Create and publish the default journey; None if any journey exists, deleted ones included."""
    # Deleted journeys count: if staff deleted the default journey, it stays deleted.
    if Journey.everything.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return create_journey(content, is_default=True)


@transaction.atomic
def create_journey(content: dict[str, Any], *, is_default: bool = False) -> Journey:
    """Create and publish a journey from the JSON of content/. Makes clips only if the journey is live."""
    described = content["narrative"]
    journey = Journey.objects.create(
        slug=described["slug"],
        title=described["title"],
        description=described.get("description", ""),
        language=described["language"],
        is_live=described["status"] == "published",
        is_default=is_default,
    )
    publishing.publish(
        [
            Narrative.objects.create(journey=journey, position=position, **fields)
            for position, fields in enumerate(_narratives_in(content))
        ],
        requested_by="first load",
    )
    return journey


def _narratives_in(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kinds = Narrative.Kind
    yield {"kind": kinds.INTRO, "slug": "intro", "title": "Welcome", "text": content["narrative"]["intro"]}
    for question in sorted(content["questions"], key=lambda question: question["order"]):
        known = ("slug", "title", "text", "stage", "theme")
        fields = {name: question[name] for name in known if name in question}
        yield {"kind": kinds.QUESTION, **fields}
    yield {"kind": kinds.OUTRO, "slug": "outro", "title": "Thank you", "text": content["narrative"]["outro"]}
    for slug, text in content["system_clips"].items():
        yield {"kind": kinds.SYSTEM, "slug": slug, "title": slug.replace("_", " ").capitalize(), "text": text}


def _load_gentle_journey() -> Journey | None:
    content = _content(GENTLE_CONTENT)
    if Journey.everything.filter(slug=content["narrative"]["slug"]).exists():
        return None
    return create_journey(content)


def _load_bank(content: dict[str, Any]) -> str:
    if BankReflection.objects.exists():
        return ""
    return _add_to_bank(content["reflections"])


def _add_hard_answers(default: dict[str, Any]) -> str:
    """An older site gets them as well, unless staff have replaced the shipped bank by one of their own."""
    shipped = [each["text"] for each in default["reflections"]]
    if not BankReflection.objects.active().filter(text__in=shipped).exists():
        return ""
    known = set(BankReflection.objects.values_list("text", flat=True))
    missing = [each for each in _content(HARD_ANSWERS)["reflections"] if each["text"] not in known]
    return f"{_add_to_bank(missing)} for hard answers" if missing else ""


def _add_to_bank(described: list[dict[str, Any]]) -> str:
    """Add them in use. A clip is made when somebody first hears it, or when staff have it made."""
    BankReflection.objects.bulk_create(
        BankReflection(
            text=each["text"],
            theme=each["theme"],
            occasion=each["when"],
            after_heavy=each.get("after_heavy", BankReflection.AfterHeavy.NEVER),
            is_cheerful=each.get("is_cheerful", False),
        )
        for each in described
    )
    publishing.sync_pins()
    return f"{len(described)} reflections"


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
