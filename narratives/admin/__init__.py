"""Staff pages where people write, order, hear and publish texts. Importing this package registers them.

Staff edit drafts. A draft costs nothing until somebody asks for its audio; listeners get it when it is
published.

The modules journeys, narratives, lexicon, reflection_bank, offered_reflections and warm_runs each register a
ModelAdmin. The ModelAdmins of journeys and texts are thin: each operation (publish, make, delete, ...) has a
module of its own with view functions. They take the ModelAdmin first, like Django's actions.
"""

from narratives.admin import (
    journeys,
    lexicon,
    narratives,
    offered_reflections,
    reflection_bank,
    warm_runs,
)

__all__ = ["journeys", "lexicon", "narratives", "offered_reflections", "reflection_bank", "warm_runs"]
