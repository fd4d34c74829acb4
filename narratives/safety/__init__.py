"""Words in, and how much care they need out. It offers help; it is no detector: docs/safety.md.

The gate is loaded for the first text, or by `load_gate`. That takes a sixth of a second, which the commands
and tasks of the site save.
"""

from narratives.safety.levels import Level

__all__ = ["Level", "level", "load_gate"]


def load_gate() -> None:
    """Load it now, so that the first answer need not wait for it."""
    from narratives.safety import gate  # noqa: F401


def level(text: str) -> Level:
    """How much care these words need: `care_level` of the gate, which is loaded at the first call."""
    from narratives.safety.gate import care_level

    return care_level(text)
