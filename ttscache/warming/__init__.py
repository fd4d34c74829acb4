"""Clips made ahead: plan, start, steer and settle runs. Import the other modules of this package by name."""

from ttscache.speech import ClipSpec
from ttscache.warming.plan import Plan, plan, record
from ttscache.warming.runs import (
    CANCELLED,
    WAS_THERE,
    cancel,
    enqueue_worker,
    pause,
    prioritize,
    protect,
    queue_missing,
    resume,
    resume_paused,
    retry_failed,
    settle,
    start_automatic_run,
    start_run,
)

__all__ = [
    "CANCELLED",
    "WAS_THERE",
    "ClipSpec",
    "Plan",
    "cancel",
    "enqueue_worker",
    "pause",
    "plan",
    "prioritize",
    "protect",
    "queue_missing",
    "record",
    "resume",
    "resume_paused",
    "retry_failed",
    "settle",
    "start_automatic_run",
    "start_run",
]
