"""Reflections that were there at once, with reuse against without; and time to sound on hits against 300 ms.

1,000 journeys of ten answers go through the product's own functions, with a stand-in for the model: it writes
two sentences that begin by the mood of the answer and end in one of many ways, and where it is offered
reflections it chooses one that begins as its own would. Moods are as uneven as words are (Zipf); some answers
are grave, some reflections quote and so are personal. This proves the mechanics of choosing, counting and
reusing, and says nothing about whether a real model chooses what fits. A reflection counts as there when an
earlier journey has heard the same clip. The sound is asked for over HTTP, the stand-in answers at once: the
time that a real model takes comes on top.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.product import inside
from bench.table import Judged, MeasuredRow, Target, rounded
from harness import http
from harness.openai_server import OpenAIServer
from harness.site import Site
from harness.waiting import wait_until

JOURNEYS, ANSWERS = 1_000, 10
BLOCKS = 5  # of journeys; each is a repetition
AIM_PERCENT = 60.0
SOUNDS, ALLOWED_MS = 200, 300.0
MOODS = 12
GRAVE = (
    "",
    "",
    "",
    "",
    "",
    "",
    "He died that winter.",
    "She died in spring.",
    "We buried him there.",
    "He beat me.",
)
PERSONAL_SHARE = 0.03


def measure() -> Iterator[MeasuredRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rates = {
            name: inside(
                Site(Path(folder) / name).environment(), hit_rates, reuses=reuses, timeout_seconds=1_200
            )
            for name, reuses in (("with", True), ("without", False))
        }
        whole = {name: sum(found["blocks"]) / BLOCKS for name, found in rates.items()}
        yield MeasuredRow(
            name=f"there at once, {JOURNEYS:,} journeys of {ANSWERS} answers",
            ours=rates["with"]["blocks"],
            baseline=[max(0.1, rate) for rate in rates["without"]["blocks"]],
            unit="%",
            is_more_better=True,
            target=Target(Judged.FIGURE, AIM_PERCENT),
            notes=(
                f"{whole['with']:.1f}% with reuse, {whole['without']:.1f}% without; "
                f"{rates['with']['texts']:,} texts against {rates['without']['texts']:,}; "
                "a stand-in chooses: mechanics, not fit"
            ),
        )
        took = times_to_sound(Path(folder) / "site")
    p95 = quantiles(took, n=20)[18]
    yield MeasuredRow(
        name="from the answer to the first byte of a hit",
        ours=took,
        unit="ms",
        target=Target(Judged.FIGURE, ALLOWED_MS),
        notes=f"p95 {rounded(p95)}; {len(took)} hits, without the model's own time",
    )


def hit_rates(*, reuses: bool) -> dict[str, Any]:
    """In the product: the share of reflections that were there, in percent, for each block of journeys."""
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", verbosity=0)
    from harness.speech_api.chat import ChatBehaviour, reply_to
    from narratives.content.loading import load_shipped_content
    from narratives.models import Narrative, OfferedReflection
    from narratives.reflections.question import Question
    from narratives.reflections.reflecting import note_heard, reflect

    class StandIn:
        behaviour = ChatBehaviour(picks=True)

        def complete(self, messages: Any, until: float) -> str:
            return reply_to(messages, self.behaviour)

    class Quoting(StandIn):
        behaviour = ChatBehaviour(fault="quotes")

    load_shipped_content()
    chance = random.Random(7)
    questions = Narrative.objects.filter(journey__is_default=True, kind="question")
    texts_and_themes = list(questions.values_list("text", "theme"))
    made: set[str] = set()

    def hits_of_a_journey() -> int:
        voice = chance.choices(["nova", "onyx"], [2, 1])[0]
        heard: set[str] = set()
        hits = 0
        for text, theme in chance.sample(texts_and_themes, len(texts_and_themes)):
            question = Question(text=text, theme=theme, language="en", voice=voice, heard=frozenset(heard))
            model = Quoting() if chance.random() < PERSONAL_SHARE else StandIn()
            draw = chance.random if reuses else lambda: 0.0  # below the share that is offered none
            reflection = reflect(question, answer_of(chance), model, chance=draw)
            if not reflection.is_personal and reflection.text:
                note_heard(question, reflection)
                content_hash = question.speech(reflection.text).content_hash
                hits += content_hash in made
                made.add(content_hash)
                heard.add(content_hash)
        return hits

    def hits_of_a_block() -> int:
        with transaction.atomic():  # it is not the disk that is measured
            return sum(hits_of_a_journey() for _ in range(JOURNEYS // BLOCKS))

    blocks = [100 * hits_of_a_block() / (JOURNEYS // BLOCKS * ANSWERS) for _ in range(BLOCKS)]
    return {"blocks": blocks, "texts": OfferedReflection.objects.count()}


def answer_of(chance: random.Random) -> str:
    """An answer that nobody has given before, in a mood that others have had."""
    mood = chance.choices(range(MOODS), [1 / (rank + 1) for rank in range(MOODS)])[0]
    return f"In those years we went by mood {mood} and by {chance.random():.9f}. {chance.choice(GRAVE)}"


def times_to_sound(var_dir: Path) -> list[float]:
    """Milliseconds from sending an answer to the first byte of the reflection's clip, where that is a hit."""
    with OpenAIServer() as openai:
        provider = {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": openai.base_url}
        rates = {"THROTTLE_RATES": "reflection_address=100000/min"}
        with Site(var_dir, provider | rates) as site:
            questions = wait_until(lambda: _questions(site), "the default journey", seconds=60)
            openai.behave_as_chat(picks=True)
            chance = random.Random(11)
            took: list[float] = []
            for number in range(20 * SOUNDS):
                began = time.monotonic()
                body = {"narrative": questions[number % 3], "answer": answer_of(chance)}
                told = http.post_json(f"{site.url}/api/reflections", body).json()
                if told["source"] == "safety":
                    continue
                url = told["audio"]["url"]
                with http.stream(f"{site.url}{url}") as clip:
                    first = next(iter(clip))[0]
                    list(clip)
                if told["audio"]["ready"]:
                    took.append(1_000 * (first - began))
                if len(took) == SOUNDS:
                    return took
            raise RuntimeError(f"only {len(took)} hits")


def _questions(site: Site) -> list[int]:
    listed = http.get(f"{site.url}/api/narratives").json().get("narratives", [])
    return [each["id"] for each in listed if each["kind"] == "question"]
