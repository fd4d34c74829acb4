"""Models of journeys and narratives, one file per topic."""

from narratives.models.allowance import DraftAllowance, DraftAllowanceDay
from narratives.models.entries import PublicationEntry, text_role
from narratives.models.journeys import Journey, Publication
from narratives.models.lexicon import Pronunciation
from narratives.models.narratives import Narrative, Revision, share_lexicon
from narratives.models.offers import OfferedReflection
from narratives.models.reflections import BankReflection
from narratives.models.shipped_content import ShippedContent
from narratives.models.wishes import PublishingWish

__all__ = [
    "BankReflection",
    "DraftAllowance",
    "DraftAllowanceDay",
    "Journey",
    "Narrative",
    "OfferedReflection",
    "Pronunciation",
    "Publication",
    "PublicationEntry",
    "PublishingWish",
    "Revision",
    "ShippedContent",
    "share_lexicon",
    "text_role",
]
