"""A deadline shuts the socket of its own call and never the socket of the next call."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from harness.waiting import wait_until
from ttscache.errors import ProviderTimeout
from ttscache.providers.deadline import Deadline

pytestmark = pytest.mark.any_database


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets: our end and the provider's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        theirs.settimeout(0.2)
        yield ours, theirs


def is_open(theirs: socket.socket) -> bool:
    try:
        return theirs.recv(1) != b""
    except TimeoutError:
        return True


def test_a_call_that_waits_for_its_first_byte_is_cut(pair: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(0.05, 60) as deadline:
        deadline.connected(pair[0])
        assert pair[0].recv(1) == b""
        assert deadline.is_over
        with pytest.raises(ProviderTimeout):
            deadline.check()


def test_the_deadline_moves_to_the_end_once_audio_arrives(pair: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(0.1, 0.4) as deadline:
        deadline.connected(pair[0])
        deadline.sound_came()
        threading.Event().wait(0.2)
        assert not deadline.is_over
        wait_until(lambda: deadline.is_over, "the end of its time")
    assert not is_open(pair[1])


def test_a_socket_that_opens_too_late_is_shut_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    with Deadline(0.01, 60) as deadline:
        wait_until(lambda: deadline.is_over, "the end of its time")
        deadline.connected(pair[0])
        assert pair[0].recv(1) == b""


def test_a_call_that_has_ended_leaves_its_socket_to_the_next(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    with Deadline(0.05, 0.05) as deadline:
        deadline.connected(pair[0])
    threading.Event().wait(0.1)
    assert not deadline.is_over and is_open(pair[1])
    deadline._cut()  # the timer fires in this moment
    assert not deadline.is_over and is_open(pair[1])
