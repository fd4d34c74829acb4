"""How grave an answer is: `level` says none, grief, heavy or urgent."""

from narratives.safety.rules import rules_level as level

__all__ = ["level"]
