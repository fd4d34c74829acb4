"""Keeps processes small: makes glibc give freed memory back to the system.

By default glibc gives threads heaps of their own, up to eight for each core, and raises the size up to which
it takes memory from them to 32 MiB as soon as a large block is freed. A sound that is decoded in one of many
threads then leaves its megabytes in that thread's heap: some hundred failed clips made 160 MB into 400 MB.
https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable

# Names and numbers of mallopt(3); the environment variable is that of an operator who knows better.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LIMITS = (
    (_M_ARENA_MAX, "MALLOC_ARENA_MAX", 2),
    (_M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", 128 * 1024),  # above it, freeing gives back at once
    (_M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", 1024**2),
)


def limit_heaps() -> bool:
    """Limit the heaps of this process and of its later forks. Call it before the first thread starts.

    Returns whether this C library took the limits; musl and macOS have other allocators, without these.
    """
    mallopt = _function("mallopt")
    if mallopt is None:
        return False
    return all(os.environ.get(name) or mallopt(option, value) for option, name, value in _LIMITS)


def never_look_again_at_what_is_loaded() -> None:
    """Make the garbage collector skip all objects that exist now, such as modules: they stay.

    It looks at everything only once a quarter more objects wait for it than it found last time. Beside the
    100,000 of the libraries that takes hundreds of requests, and until then each of them may hold its clip:
    Django REST Framework's responses are cycles. Afterwards it looks often, and at little.
    """
    gc.collect()
    gc.freeze()


def return_free_memory() -> None:
    """Free the last cycles, and give free memory between blocks that are in use back to the system, too.

    Takes a few milliseconds.
    """
    gc.collect()
    malloc_trim = _function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library. Python lets other threads run during a call."""
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found
