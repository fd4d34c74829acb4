"""The pages on which staff write, order, hear and publish; importing this package registers them.

What staff type is a draft. Nothing is made for it unless they ask; listeners get it when it is published.

The pages journeys, narratives, lexicon, reflection_bank, offered_reflections and warm_runs each register a
ModelAdmin. The one of journeys and of texts is thin: each thing to do there (publish, make, delete, ...) is a
module beside it with view functions, which take the ModelAdmin first, as the actions of Django's admin do.
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
