"""Keeps the memory of a web process small: glibc gives freed memory back to the system.

By default glibc gives threads heaps of their own, up to eight for each core, and raises the size up to which
it takes memory from them to 32 MiB as soon as a large block is freed. A sound that is decoded in one of many
threads then leaves its megabytes in that thread's heap: some hundred failed clips made 160 MB into 400 MB.
https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
"""

from __future__ import annotations

import ctypes
import os

# Names and numbers of mallopt(3); the environment variable is that of an operator who knows better.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LIMITS = (
    (_M_ARENA_MAX, "MALLOC_ARENA_MAX", 2),
    (_M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", 256 * 1024),  # above it, freeing gives back at once
    (_M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", 1024**2),
)


def limit_heaps() -> bool:
    """Limit the heaps of this process and of its later forks. Call it before the first thread starts.

    Returns whether this C library took the limits; musl and macOS have other allocators, without these.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(os.environ.get(name) or mallopt(option, value) for option, name, value in _LIMITS)
