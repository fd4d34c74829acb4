"""One level from both layers: rules hear what is said directly, the learned layer what is said sideways."""

from __future__ import annotations

from narratives.safety.learned import shipped_model
from narratives.safety.levels import Level, highest
from narratives.safety.rules import RuleFinding, rule_findings, rules_level

LEARNED = "learned layer"


def care_level(text: str) -> Level:
    """How much care these words need: "none", "grief", "heavy" or "urgent".

    The text is kept nowhere and never logged. English only: other languages mostly come out as "none".
    """
    by_rules = rules_level(text)
    if by_rules is Level.URGENT:
        return by_rules
    return highest((by_rules, shipped_model().level(text)))


def reasons(text: str) -> list[RuleFinding]:
    """Each rule that spoke with its level, and the learned layer where it did."""
    learned = shipped_model().level(text)
    spoken = [] if learned is Level.NONE else [RuleFinding(learned, LEARNED)]
    return rule_findings(text) + spoken
