"""A walk over every press of the staff pages: each one that changes something leaves an entry in the log."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from harness import staff_actions as actions
from harness.retirement_day import stand_before_shutdown
from harness.speech_api.sound import spoken_clip
from harness.staff_actions import admin_page, choose, narrative
from harness.staff_pages import YES, clip_of, refused_take
from narratives.editing import import_export
from narratives.editing.deleting import delete_journeys
from narratives.editing.drafts import draft_clips
from narratives.models import BankReflection, Journey, Narrative, OfferedReflection, Pronunciation
from ttscache.models import ApiToken, Clip, PruneRun, WarmItem, WarmRun
from ttscache.speech import VoiceRendition
from ttscache.warming import rendition_switch
from ttscache.warming.settings_changes import follow_settings

pytestmark = [pytest.mark.django_db, pytest.mark.any_database, pytest.mark.usefixtures("journey")]

Press = Callable[[Client], object]
SHIMMER = VoiceRendition(provider="openai", model="tts-1-hd", voice="shimmer")
OF_DJANGO = {"changelist", "add", "change", "delete", "history", "autocomplete"}


# --- presses ------------------------------------------------------------------------------------------------
def post_to(model: str, name: str, *args: Any, **form: Any) -> Press:
    return lambda client: client.post(admin_page(model, name, *args), YES | form)


def of_text(name: str, *more: str) -> Press:
    return lambda client: client.post(admin_page("narratives.narrative", name, narrative().pk, *more), YES)


def of_journey(name: str, *more: str) -> Press:
    return lambda client: client.post(
        admin_page("narratives.journey", name, Journey.objects.get().pk, *more), YES
    )


def chosen(model: str, action: str, row: Callable[[], Model]) -> Press:
    """Choose one row of a list and press an action above it."""
    return lambda client: client.post(
        admin_page(model), {"action": action, "_selected_action": row().pk, "post": "yes"} | YES
    )


def all_made() -> None:
    for spec in draft_clips(list(Narrative.objects.all())):
        Clip.objects.record(spec.speech, spec.content_type)
    Clip.objects.update(stored_at=timezone.now(), stored_size=1_000, audio_file_size=1_000)


def makes_all_again(client: Client) -> None:
    all_made()
    of_journey("make_all_again")(client)


def makes_a_clip_again(client: Client) -> None:
    all_made()
    of_text("make_again", "nova")(client)


def makes_chosen_again(client: Client) -> None:
    all_made()
    choose(client, "make_chosen_again")


def undoes_a_journeys_deletion(client: Client) -> None:
    delete_journeys(Journey.objects.all())
    client.post(admin_page("narratives.journey", "undelete"), {"pk": Journey.everything.get().pk})


def imports(client: Client) -> None:
    journey = Journey.objects.get()
    address = admin_page("narratives.journey", "import_file", journey.pk)
    given = io.BytesIO(import_export.as_json(journey).replace(actions.NEW, "And then?").encode())
    given.name = "ours.json"
    asked = client.post(address, {"file": given})
    client.post(address, dict(asked.context["hidden"]) | YES)


def makes_examples(client: Client) -> None:
    entry = Pronunciation.objects.create(word="begin", say_as="beginn")
    post_to("narratives.pronunciation", "make_examples", entry.pk)(client)


def hears_a_word(client: Client) -> None:
    word = {"say_as": "beginn", "voice": "nova", "make": "1", "shown_usd": "1"}
    client.post(reverse("admin:narratives_pronunciation_hear"), YES | word)


def a_bank_reflection() -> BankReflection:
    return BankReflection.objects.create(text="That was a good morning. Thank you for it.")


def an_offered_reflection() -> OfferedReflection:
    return OfferedReflection.objects.create(text="A quiet kind of home.", theme="home")


def stops_a_prune_on_its_page(client: Client) -> None:
    post_to("ttscache.prunerun", "stop_this", a_prune().pk)(client)


def a_user() -> User:
    return User.objects.create(username="x")


def a_task_in_the_queue() -> OrmQ:
    return OrmQ.objects.create(key="x", payload="", lock=timezone.now())


def the_journey() -> Journey:
    return Journey.objects.get()


def a_prune() -> PruneRun:
    return PruneRun.objects.create(days=90)


def confirms_a_prune(client: Client) -> None:
    actions.removes_what_was_listed(client)


def makes_last_takes(client: Client) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stand_before_shutdown(30, patch)
        client.post(reverse("admin:ttscache_last_takes"), YES)


def removes_what_cannot_be_made_again(client: Client) -> None:
    clip = actions.a_reflection()
    Clip.objects.update(stored_at=timezone.now(), stored_size=1_000, audio_file_size=1_000)
    with pytest.MonkeyPatch.context() as patch:
        stand_before_shutdown(0, patch)
        client.post(admin_page("ttscache.clip", "remove_this", clip.pk), YES)


def of_refused(name: str) -> Press:
    def press(client: Client) -> None:
        clip = clip_of("Which song did your family sing together?")
        refused_take(clip, spoken_clip(clip.content_text, "nova", "mp3", 1.0, "tts-1-hd|"))
        client.post(admin_page("ttscache.clip", name, clip.pk), YES)

    return press


def makes_a_link_for_a_password(client: Client) -> None:
    client.post(admin_page("auth.user", "password_link", a_user().pk), YES)


def of_voice(name: str) -> Press:
    def press(client: Client) -> None:
        client.post(f"{admin_page('ttscache.rendition', name, 'nova')}?model=tts-1-hd&by=shimmer", YES)

    return press


def of_takeover(name: str) -> Press:
    def press(client: Client) -> None:
        follow_settings()
        pending = rendition_switch.request_rendition("nova", SHIMMER)
        assert pending is not None
        form = dict(YES)
        if name == "without":
            runs = WarmRun.objects.filter(scope=rendition_switch.run_scope(pending))
            WarmItem.objects.filter(run__in=runs).update(state="failed")
            runs.update(state="failed")
            asked = client.get(admin_page("ttscache.rendition", name, pending.pk))
            form |= dict(asked.context["hidden"])
        client.post(admin_page("ttscache.rendition", name, pending.pk), form)

    return press


def an_ended_task(success: bool) -> Callable[[], Task]:
    return lambda: Task.objects.create(
        id=f"ended-{success}",
        name="warm clips",
        func="ttscache.tasks.make_queued_clips",
        started=timezone.now(),
        stopped=timezone.now(),
        success=success,
    )


def as_an_editor(press: Press) -> Press:
    """Press as the same person with the rights of an editor: publishers have other buttons."""

    def pressed(client: Client) -> None:
        user = User.objects.get()
        user.groups.add(Group.objects.get(name="Editor"))
        User.objects.update(is_superuser=False)
        press(client)

    return pressed


PRESSES: dict[str, Press] = {  # each action of a list, as model:action, and each address of our own
    "auth.user:delete_selected": chosen("auth.user", "delete_selected", a_user),
    "auth.group:delete_selected": chosen(
        "auth.group", "delete_selected", lambda: Group.objects.create(name="x")
    ),
    "django_q.schedule:delete_selected": chosen(
        "django_q.schedule", "delete_selected", lambda: Schedule.objects.create(func="a.b", name="x")
    ),
    "django_q.success:delete_selected": chosen("django_q.success", "delete_selected", an_ended_task(True)),
    "django_q.success:resubmit_task": chosen("django_q.success", "resubmit_task", an_ended_task(True)),
    "django_q.failure:delete_selected": chosen("django_q.failure", "delete_selected", an_ended_task(False)),
    "django_q.failure:resubmit_task": chosen("django_q.failure", "resubmit_task", an_ended_task(False)),
    "django_q.ormq:delete_selected": chosen(
        "django_q.ormq",
        "delete_selected",
        a_task_in_the_queue,
    ),
    "ttscache.apitoken:delete_selected": chosen(
        "ttscache.apitoken", "delete_selected", lambda: ApiToken.objects.create(name="x")
    ),
    "ttscache.apitoken:withdraw": chosen(
        "ttscache.apitoken", "withdraw", lambda: ApiToken.objects.create(name="x")
    ),
    "ttscache.prunerun:stop": chosen("ttscache.prunerun", "stop", a_prune),
    "narratives.journey:delete_selected": chosen("narratives.journey", "delete_selected", the_journey),
    "narratives.narrative:delete_selected": chosen("narratives.narrative", "delete_selected", narrative),
    "narratives.narrative:publish_chosen": actions.publishes_chosen,
    "narratives.narrative:make_chosen": actions.makes_chosen,
    "narratives.narrative:make_chosen_again": makes_chosen_again,
    "narratives.offeredreflection:take_out": chosen(
        "narratives.offeredreflection", "take_out", an_offered_reflection
    ),
    "narratives.offeredreflection:offer_again": chosen(
        "narratives.offeredreflection", "offer_again", an_offered_reflection
    ),
    "narratives.offeredreflection:mark_as_fit": chosen(
        "narratives.offeredreflection", "mark_as_fit", an_offered_reflection
    ),
    "narratives.offeredreflection:remove_mark": chosen(
        "narratives.offeredreflection", "remove_mark", an_offered_reflection
    ),
    "narratives.bankreflection:delete_selected": chosen(
        "narratives.bankreflection", "delete_selected", a_bank_reflection
    ),
    "narratives.bankreflection:make_chosen": chosen(
        "narratives.bankreflection", "make_chosen", a_bank_reflection
    ),
    "ttscache_clip_stale": confirms_a_prune,
    "ttscache_clip_make_missing": actions.makes_what_is_missing,
    "ttscache_last_takes": makes_last_takes,
    "ttscache_clip_retry": actions.tries_what_failed_again,
    "ttscache_clip_speak": actions.makes_a_reflection_in_another_voice,
    "ttscache_clip_hide": actions.hides_a_reflection,
    "ttscache_clip_remove_this": removes_what_cannot_be_made_again,
    "ttscache_clip_use_refused": of_refused("use_refused"),
    "ttscache_clip_make_refused_again": of_refused("make_refused_again"),
    "auth_user_password_link": makes_a_link_for_a_password,
    "ttscache_prunerun_stop_this": stops_a_prune_on_its_page,
    "ttscache_rendition_samples": of_voice("samples"),
    "ttscache_rendition_choose": of_voice("choose"),
    "ttscache_rendition_go_on": of_takeover("go_on"),
    "ttscache_rendition_cancel": of_takeover("cancel"),
    "ttscache_rendition_without": of_takeover("without"),
    "ttscache_warmrun_make_published": actions.makes_what_is_published,
    "ttscache_warmrun_pause": actions.pauses_a_run,
    "ttscache_warmrun_resume": actions.lets_a_run_go_on,
    "ttscache_warmrun_cancel": actions.cancels_a_run,
    "ttscache_warmrun_try_again": actions.tries_failed_clips_again,
    "narratives_journey_go_live": actions.takes_live,
    "narratives_journey_waiting": actions.takes_back_what_waits,
    "narratives_journey_restore": of_journey("restore", "1"),
    "narratives_journey_make_drafts": of_journey("make_drafts"),
    "narratives_journey_undelete": undoes_a_journeys_deletion,
    "narratives_journey_publish_changes": actions.publishes_the_journey,
    "narratives_journey_make_missing": actions.makes_the_journey,
    "narratives_journey_make_all_again": makes_all_again,
    "narratives_journey_duplicate": actions.duplicates_a_journey,
    "narratives_journey_import_file": imports,
    "narratives_journey_make_default": of_journey("make_default"),
    "narratives_journey_hear": as_an_editor(of_journey("hear")),
    "narratives_journey_ask_to_publish": as_an_editor(actions.asks_to_publish),
    "narratives_journey_take_back_wish": actions.sets_a_wish_aside,
    "narratives_journey_set_allowance": actions.sets_the_allowance_for_drafts,
    "narratives_pronunciation_make_examples": makes_examples,
    "narratives_pronunciation_hear": hears_a_word,
    "narratives_narrative_make": of_text("make", "nova"),
    "narratives_narrative_make_again": makes_a_clip_again,
    "narratives_narrative_make_drafts": of_text("make_drafts"),
    "narratives_narrative_hear": as_an_editor(of_text("hear")),
    "narratives_narrative_undelete": actions.undoes_the_deletion_of_a_live_text,
    "narratives_narrative_duplicate": actions.duplicates_a_text,
}

ONLY_SHOW = {  # they change nothing, so the log need not have them
    "narratives_journey_preview_playlist",
    "ttscache_dashboard_csv", "ttscache_clip_refused", "ttscache_rendition_candidates",
    "narratives_journey_export_json",
    "narratives_journey_export_csv", "narratives_estimate", "narratives_journey_price",
    "narratives_narrative_price", "narratives_journey_versions", "narratives_journey_preview",
}  # fmt: skip


# --- the walk -----------------------------------------------------------------------------------------------
def presses_of_all_pages() -> set[str]:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    found: set[str] = set()
    for model, page in admin.site._registry.items():
        name = f"{model._meta.app_label}.{model._meta.model_name}"
        found |= {f"{name}:{action}" for action in page.get_actions(request)}
        found |= {each.name for each in page.get_urls() if each.name}
    return {name for name in found if ":" in name or name.rpartition("_")[2] not in OF_DJANGO}


def test_the_walk_knows_every_press_of_the_staff_pages() -> None:
    assert presses_of_all_pages() - ONLY_SHOW == set(PRESSES)


@pytest.mark.parametrize("name", PRESSES)
def test_every_press_of_the_staff_pages_is_in_the_log(
    admin_client: Client, admin_user: User, name: str
) -> None:
    LogEntry.objects.all().delete()
    PRESSES[name](admin_client)

    assert LogEntry.objects.exists()
    assert set(LogEntry.objects.values_list("user", flat=True)) == {admin_user.pk}


@pytest.mark.parametrize("model", ["narrative", "journey"])
@pytest.mark.parametrize("chosen_rows", [[], ["4194305"], ["not a number"], ["present"]])
def test_an_undo_with_nothing_to_undo_changes_nothing_and_says_so(
    admin_client: Client, model: str, chosen_rows: list[str]
) -> None:
    everything = [*Journey.everything.values(), *Narrative.everything.values()]
    there = {"narrative": narrative().pk, "journey": Journey.objects.get().pk}
    rows = [there[model] if row == "present" else row for row in chosen_rows]
    LogEntry.objects.all().delete()
    answer = admin_client.post(admin_page(f"narratives.{model}", "undelete"), {"pk": rows}, follow=True)

    assert "There is nothing left to undo." in answer.content.decode()
    assert [*Journey.everything.values(), *Narrative.everything.values()] == everything
    assert not LogEntry.objects.exists()
