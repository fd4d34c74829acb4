from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.waiting import wait_until
from ttscache.coordination.hosts import this_host
from ttscache.coordination.processes import claim_of_this_process, is_claimant_dead

pytestmark = pytest.mark.any_database

CLAIM = """
import os, sys, time
sys.path.insert(0, os.getcwd())
import django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")
django.setup()
from ttscache.coordination.processes import claim_of_this_process
print(claim_of_this_process(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def claimant() -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen([sys.executable, "-c", CLAIM], stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.wait()


def claim_of(claimant: subprocess.Popen[str]) -> str:
    assert claimant.stdout is not None
    return claimant.stdout.readline().strip()


def test_a_claim_dies_with_its_process_even_before_its_parent_notices(
    claimant: subprocess.Popen[str],
) -> None:
    claim = claim_of(claimant)
    assert not is_claimant_dead(claim)

    claimant.kill()

    wait_until(lambda: is_claimant_dead(claim), "the end of the claimant")  # it is a zombie now
    claimant.wait()
    assert is_claimant_dead(claim)


def test_the_claims_of_this_process_are_alive_and_differ() -> None:
    claims = {claim_of_this_process() for _ in range(3)}

    assert len(claims) == 3
    assert [claim for claim in claims if is_claimant_dead(claim)] == []


def test_a_claim_is_dead_although_its_number_belongs_to_another_process_now() -> None:
    assert is_claimant_dead(f"{this_host()}:{os.getpid()}:s1:abc")


@pytest.mark.parametrize("claim", ["", "a host", "other~12345678:4194305:s1:abc", f"{this_host()}:x:s1:abc"])
def test_nothing_is_known_of_the_claims_of_other_hosts(claim: str) -> None:
    assert not is_claimant_dead(claim)
