"""The staff pages call each thing by one word, in the menu, in headings and in titles."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_q.models import Schedule

from lifereview.admin_theme import SIDEBAR

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LISTS = {
    str(line["title"]): str(line["link"])
    for group in SIDEBAR
    for line in group["items"]
    if "permission" in line
}
# The bank's rows are counted ("24 reflections"), so their name stands over the list, too.
HEADINGS = {name: name for name in LISTS} | {"Reflection bank": "Reflections"}


def title_of(page: str) -> str:
    found = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
    assert found is not None
    return " ".join(found[1].split())


def test_each_list_is_headed_with_its_word_of_the_menu(admin_client: Client) -> None:
    Schedule.objects.create(name="nightly", func="math.copysign", args="2, -2")  # an empty list has no head
    pages = {name: admin_client.get(link).content.decode() for name, link in LISTS.items()}
    titles = {name: title_of(page) for name, page in pages.items()}
    heads = " ".join(re.findall(r"<thead\b.*?</thead>", "".join(pages.values()), re.DOTALL))
    heads = re.sub(r"<span[^>]*material-symbols[^>]*>.*?</span>", "", heads, flags=re.DOTALL)

    assert len(titles) > 15
    assert titles == {name: f"{heading} | Life Review" for name, heading in HEADINGS.items()}
    assert "Next Run" in heads or "Next run" in heads
    assert not re.findall(r">\s*\w+_\w+\s*<", heads), "a name of the code over a column"


def test_the_names_of_things_are_the_words_of_the_menu() -> None:
    names = {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"): str(
            model._meta.verbose_name_plural
        )
        for model in admin.site._registry
    }
    assert {name: names[link].casefold() for name, link in LISTS.items()} == {
        name: heading.casefold() for name, heading in HEADINGS.items()
    }


def test_the_pages_of_staff_speak_of_a_colleague_and_never_of_a_user(
    admin_client: Client, admin_user: User
) -> None:
    listed, form = reverse("admin:auth_user_changelist"), reverse("admin:auth_user_add")
    mine = reverse("admin:auth_user_change", args=[admin_user.pk])
    pages = {address: admin_client.get(address) for address in (listed, form, mine)}

    assert {page.status_code for page in pages.values()} == {200}
    for address, page in pages.items():
        words = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", page.content.decode(), flags=re.DOTALL)
        assert not re.findall(r"\b[Uu]sers?\b|Authentication", words), address
        assert "Access" in words
    assert title_of(pages[form].content.decode()) == "Add colleague | Life Review"
