"""Finds holes: stretches of a lossless clip whose samples were lost and are zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A voice fades into a pause and out of it, even into a pause of pure zeros: the embedded voice has at most
# 0.004 in the last 8 ms, and 0.0001 in the first sample after it. A hole begins or ends in mid-wave.
_SHORTEST_SECONDS = 0.01
_EDGE_SECONDS = 0.008
_LOUD = 0.01


def has_hole(samples: NDArray[np.float32], sample_rate: int) -> bool:
    """Whether zeros cut into the sound. Samples are from -1 to 1."""
    import numpy as np

    is_zero = np.concatenate(([False], samples == 0, [False]))
    edges = np.flatnonzero(is_zero[1:] != is_zero[:-1])
    starts, ends = edges[::2], edges[1::2]
    is_inner = (ends - starts >= _SHORTEST_SECONDS * sample_rate) & (starts > 0) & (ends < len(samples))
    edge = max(1, round(_EDGE_SECONDS * sample_rate))
    return any(
        np.abs(samples[max(0, start - edge) : start]).max() >= _LOUD or abs(samples[end]) >= _LOUD
        for start, end in zip(starts[is_inner], ends[is_inner], strict=True)
    )
