"""Writing, ordering, hearing, publishing: the pages of staff, each in a file of its own.

What staff type is a draft. Nothing is made for it unless they ask; listeners get it when it is published.
"""

from narratives import admin_bank, admin_journeys, admin_lexicon, admin_narratives, admin_published

__all__ = ["admin_bank", "admin_journeys", "admin_lexicon", "admin_narratives", "admin_published"]
