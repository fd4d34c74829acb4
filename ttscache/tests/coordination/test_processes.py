from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.waiting import wait_until
from ttscache.coordination.hosts import this_host
from ttscache.coordination.processes import is_owner_dead, new_owner_id

pytestmark = pytest.mark.any_database

OWNER = """
import os, sys, time
sys.path.insert(0, os.getcwd())
import django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")
django.setup()
from ttscache.coordination.processes import new_owner_id
print(new_owner_id(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.wait()


def id_of(owner: subprocess.Popen[str]) -> str:
    assert owner.stdout is not None
    return owner.stdout.readline().strip()


def test_an_owner_is_dead_with_its_process_even_before_its_parent_notices(
    owner: subprocess.Popen[str],
) -> None:
    owner_id = id_of(owner)
    assert not is_owner_dead(owner_id)

    owner.kill()

    wait_until(lambda: is_owner_dead(owner_id), "the end of the owner")  # it is a zombie now
    owner.wait()
    assert is_owner_dead(owner_id)


def test_the_owner_ids_of_this_process_are_alive_and_differ() -> None:
    owner_ids = {new_owner_id() for _ in range(3)}

    assert len(owner_ids) == 3
    assert [owner_id for owner_id in owner_ids if is_owner_dead(owner_id)] == []


def test_an_owner_is_dead_although_its_number_belongs_to_another_process_now() -> None:
    assert is_owner_dead(f"{this_host()}:{os.getpid()}:s1:abc")


@pytest.mark.parametrize(
    "owner_id", ["", "a host", "other~12345678:4194305:s1:abc", f"{this_host()}:x:s1:abc"]
)
def test_nothing_is_known_of_the_owners_of_other_hosts(owner_id: str) -> None:
    assert not is_owner_dead(owner_id)
