"""Words in, and how much care they need out. It offers help; it is no detector: docs/safety.md."""

from narratives.safety.gate import care_level as level
from narratives.safety.gate import reasons
from narratives.safety.levels import Level

__all__ = ["Level", "level", "reasons"]
