"""The rows of the speech cache, one file a topic. Import them from here."""

from ttscache.models.alerts import Alert
from ttscache.models.batches import MOST_PARAMETERS, in_batches
from ttscache.models.clips import ACCESS_PRECISION, Clip, ClipFile, ContentType, Keeper, has_audio, kind_of
from ttscache.models.coordination import Claim, ProcessReport
from ttscache.models.maintenance import Identity, Leftover, PruneBatch, PruneRun, Removal, Replaced
from ttscache.models.pins import Pin
from ttscache.models.tokens import ApiToken
from ttscache.models.usage import BudgetDay, ClipDay, LastCall, Receipt, SoundStart, Spending, Usage
from ttscache.models.warming import Lane, WarmItem, WarmRun

__all__ = [
    "ACCESS_PRECISION",
    "MOST_PARAMETERS",
    "Alert",
    "ApiToken",
    "BudgetDay",
    "Claim",
    "Clip",
    "ClipDay",
    "ClipFile",
    "ContentType",
    "Identity",
    "Keeper",
    "Lane",
    "LastCall",
    "Leftover",
    "Pin",
    "ProcessReport",
    "PruneBatch",
    "PruneRun",
    "Receipt",
    "Removal",
    "Replaced",
    "SoundStart",
    "Spending",
    "Usage",
    "WarmItem",
    "WarmRun",
    "has_audio",
    "in_batches",
    "kind_of",
]
