from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

import ttscache.coordination.leases
from harness.waiting import wait_until
from ttscache.coordination.hosts import this_host
from ttscache.coordination.leases import HeldLease, release_leases_of_dead_processes
from ttscache.errors import Busy
from ttscache.models import Lease, ProcessReport

pytestmark = pytest.mark.django_db(transaction=True)


made: list[ttscache.coordination.leases.Leases] = []


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    yield
    while made:
        made.pop().close()


def Leases(seconds: float) -> ttscache.coordination.leases.Leases:  # noqa: N802 - the class, closed after the test
    made.append(ttscache.coordination.leases.Leases(seconds))
    return made[-1]


def run_out(name: str) -> None:
    Lease.objects.filter(name=name).update(until=Now() - timedelta(seconds=1))


def test_a_lease_has_one_owner() -> None:
    one, other = Leases(30), Leases(30)
    held = one.acquire("clip")

    assert held
    assert other.acquire("clip") is None
    one.release(held)
    assert other.acquire("clip")


def test_exactly_one_of_many_concurrent_requests_acquires_the_lease() -> None:
    barrier, taken = threading.Barrier(8), []

    def take() -> None:
        barrier.wait()
        taken.append(Leases(30).acquire("clip"))
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(held is not None for held in taken) == 1


def test_an_expired_lease_can_be_taken_over_and_is_lost_to_its_owner() -> None:
    late, next_one = Leases(30), Leases(30)
    lost = late.acquire("clip")
    assert lost
    run_out("clip")
    held = next_one.acquire("clip")

    assert held
    assert next_one.is_held(held)
    assert not late.is_held(lost)
    late.release(lost)
    assert next_one.is_held(held), "giving back what was lost takes nothing from the new owner"


def test_a_lease_is_renewed_while_its_owner_lives() -> None:
    leases = Leases(3)
    held = leases.acquire("clip")
    assert held
    twice_renewed = Lease.objects.get().until + timedelta(seconds=1.9)
    wait_until(lambda: Lease.objects.get().until > twice_renewed, "two renewals")

    assert leases.is_held(held)
    leases.release(held)


def test_the_next_owner_sees_why_the_lease_was_released() -> None:
    leases = Leases(30)
    held = leases.acquire("clip")
    assert held
    leases.release(held, error="provider_failed")
    left = leases.holder("clip")

    assert left and left.error == "provider_failed"
    assert leases.acquire("clip")


def test_an_expired_lease_has_no_holder() -> None:
    leases = Leases(30)
    held = leases.acquire("clip")
    holder = leases.holder("clip")

    assert held and holder and holder.owner == held.owner
    run_out("clip")
    assert leases.holder("clip") is None


def test_a_lease_released_with_an_error_is_not_renewed() -> None:
    leases = Leases(0.4)
    held = leases.acquire("clip")
    assert held
    Lease.objects.update(error="provider_failed", until=Now())  # released while the renewal was under way
    threading.Event().wait(0.5)

    assert leases.acquire("clip")


def test_a_restart_releases_only_the_leases_of_dead_processes_of_this_host() -> None:
    host = this_host()
    for name, owner in (
        ("dead", f"{host}:4194305:a:b"),
        ("alive", f"{host}:{os.getpid()}:a:b"),
        ("away", "other:1:a:b"),
    ):
        Lease.objects.create(name=name, owner=owner, until=Now() + timedelta(seconds=60))
    release_leases_of_dead_processes()

    assert set(Lease.objects.values_list("name", flat=True)) == {"alive", "away"}


def of_another_host(name: str) -> None:
    Lease.objects.filter(name=name).update(owner="other~12345678:1:s1:abc")


def set_clock_back() -> None:
    """Leave the rows as a clock that was set back by an hour leaves them."""
    for lease in Lease.objects.all():
        Lease.objects.filter(pk=lease.pk).update(until=Now() + timedelta(hours=1))


def test_the_lease_of_a_dead_process_of_this_host_is_free_at_once() -> None:
    Lease.objects.create(
        name="clip", owner=f"{this_host()}:4194305:s1:b", until=Now() + timedelta(seconds=60)
    )
    waiting = Leases(30)

    assert waiting.holder("clip") is None
    assert waiting.acquire("clip")


def test_a_lease_that_nobody_renews_ends_although_the_clock_was_set_back() -> None:
    lost = Leases(0.4)
    assert lost.acquire("clip")
    lost.close()
    of_another_host("clip")
    set_clock_back()
    waiting = Leases(0.4)

    assert waiting.acquire("clip") is None
    assert waiting.holder("clip")
    wait_until(lambda: waiting.holder("clip") is None, "the end of the lease", seconds=5)
    assert waiting.acquire("clip")


def test_a_lease_that_is_renewed_stays_although_the_clock_was_set_back() -> None:
    holding = Leases(0.4)
    held = holding.acquire("clip")
    assert held
    set_clock_back()
    waiting = Leases(0.4)
    for _ in range(10):
        threading.Event().wait(0.1)
        assert waiting.acquire("clip") is None
    assert holding.is_held(held)


def test_an_error_in_a_lease_outlives_the_process_that_left_it() -> None:
    left = f"{this_host()}:4194305:s1:b"
    Lease.objects.create(name="clip", owner=left, until=Now() + timedelta(hours=1), error="text_refused")
    found = Leases(0.1).acquire_or_look("clip")

    assert isinstance(found, Lease)
    assert found.error == "text_refused"


class SlowToRenew(ttscache.coordination.leases.Leases):
    """Leases whose renewals start and then wait until the test lets them continue."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.renewing, self.may_go_on = threading.Event(), threading.Event()

    def _end(self) -> Any:
        if threading.current_thread().name == "leases":
            self.renewing.set()
            assert self.may_go_on.wait(30)
        return super()._end()


def test_closing_ends_although_another_lease_is_taken_meanwhile() -> None:
    leases = SlowToRenew(0.4)
    leases.acquire("one")
    assert leases.renewing.wait(30)
    closing = threading.Thread(target=leases.close, daemon=True)
    closing.start()
    wait_until(lambda: not leases._held, "close() to let go of the first")
    held = leases.acquire("two")
    leases.may_go_on.set()
    closing.join(10)

    assert not closing.is_alive()
    assert held
    Lease.objects.filter(name="two").update(until=Now())
    wait_until(lambda: leases.is_held(held), "the other lease to be renewed")
    leases.close()


def test_releasing_a_foreign_lease_is_harmless() -> None:
    Leases(30).release(HeldLease("clip", "nobody"))


def test_a_lease_that_cannot_be_renewed_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    leases = Leases(30)
    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(Busy):
            leases.acquire("clip")

    assert not Lease.objects.exists()
    assert leases.acquire("clip")


def test_a_lease_is_not_acquired_while_a_row_forbids_it() -> None:
    leases = Leases(30)
    forbidden = ProcessReport.objects.filter(process="p")
    free = leases.acquire_or_look("clip", unless=forbidden)
    assert isinstance(free, HeldLease)
    leases.release(free)
    ProcessReport.objects.create(host="h", process="p", reported_at=timezone.now())
    assert leases.acquire_or_look("clip", unless=forbidden) is None
    assert not Lease.objects.filter(name="clip").exists()


def test_a_remembered_failure_refuses_the_lease() -> None:
    leases = Leases(30)
    held = leases.acquire("clip")
    assert held is not None
    leases.release(held, error="provider_failed")
    ProcessReport.objects.create(host="h", process="p", reported_at=timezone.now())
    assert leases.acquire_or_look("clip", unless=ProcessReport.objects.all()) is None
    assert leases.holder("clip") is not None, "what is remembered stays"
