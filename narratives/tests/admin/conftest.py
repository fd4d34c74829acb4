"""A version of the small journey that waits for its audio."""

from __future__ import annotations

import pytest

from harness.admin_pages import edit
from narratives import publishing
from narratives.models import Narrative, Publication


@pytest.fixture
def waiting(heard_question: Narrative) -> Publication:
    """Version 2 by ben, in which the question has other words; its clips are missing."""
    edit(heard_question, "Where did it all begin?")
    (publication,) = publishing.publish([heard_question], requested_by="ben")
    return publication
