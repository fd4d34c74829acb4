"""How much care an answer needs, as narratives/safety/gate.py decides.

The gate is loaded for the first answer, or by load_safety_gate(). That takes a sixth of a second, which the
commands and tasks of the site can save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from narratives.safety import Level


def load_safety_gate() -> None:
    """Load it now, so that the first answer need not wait for it."""
    from narratives.safety import gate  # noqa: F401


def care_needed(answer: str) -> Level:
    """The level of this answer, from both layers of the gate."""
    from narratives import safety

    return safety.level(answer)


def care_by_rules(text: str) -> Level:
    """The level that the rules alone reach."""
    from narratives.safety.rules import rules_level

    return rules_level(text)
