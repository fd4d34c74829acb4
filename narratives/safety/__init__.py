"""Words in, and how much care they need out. It offers help; it is no detector: docs/safety.md."""

from narratives.safety.gate import level, reasons
from narratives.safety.levels import Level

__all__ = ["Level", "level", "reasons"]
