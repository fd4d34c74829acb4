"""The rows of the speech cache, one file a topic. Import them from here."""

from ttscache.models.alerts import Alert
from ttscache.models.batches import MOST_PARAMETERS, in_batches
from ttscache.models.clips import (
    ACCESS_PRECISION,
    Clip,
    ClipFile,
    ClipQuerySet,
    ContentType,
    PermanentStore,
    has_audio,
    is_stored_in,
    kind_of,
    size_at_rest,
)
from ttscache.models.coordination import Lease, ProcessReport
from ttscache.models.edge_logs import EdgeLogPosition
from ttscache.models.maintenance import (
    DatabaseIdentity,
    Invalidation,
    PendingDeletion,
    PruneBatch,
    PruneRun,
    Replaced,
)
from ttscache.models.pins import Pin
from ttscache.models.refused_takes import RefusedTake
from ttscache.models.renditions import ForgottenInstallation, InstallationSettings, Rendition
from ttscache.models.retirement import ModelNotice
from ttscache.models.tokens import ApiToken, ApiTokenDay, TokenScope
from ttscache.models.usage import (
    BudgetDay,
    DailyRequests,
    FlushedBatch,
    LastProviderOutcome,
    PlaybackStart,
    Spending,
    Usage,
)
from ttscache.models.warming import Lane, WarmItem, WarmRun

__all__ = [
    "ACCESS_PRECISION",
    "MOST_PARAMETERS",
    "Alert",
    "ApiToken",
    "ApiTokenDay",
    "BudgetDay",
    "Clip",
    "ClipFile",
    "ClipQuerySet",
    "ContentType",
    "DailyRequests",
    "DatabaseIdentity",
    "EdgeLogPosition",
    "FlushedBatch",
    "ForgottenInstallation",
    "InstallationSettings",
    "Invalidation",
    "Lane",
    "LastProviderOutcome",
    "Lease",
    "ModelNotice",
    "PendingDeletion",
    "PermanentStore",
    "Pin",
    "PlaybackStart",
    "ProcessReport",
    "PruneBatch",
    "PruneRun",
    "RefusedTake",
    "Rendition",
    "Replaced",
    "Spending",
    "TokenScope",
    "Usage",
    "WarmItem",
    "WarmRun",
    "has_audio",
    "in_batches",
    "is_stored_in",
    "kind_of",
    "size_at_rest",
]
