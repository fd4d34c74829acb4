from __future__ import annotations

import pytest
from django.urls import reverse

from ttscache.models import (
    ApiToken,
)

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_a_token_can_be_withdrawn_and_nothing_else(admin_client):
    ApiToken.issue("front end")
    token = ApiToken.objects.get()
    changed = admin_client.post(
        reverse("admin:ttscache_apitoken_change", args=[token.pk]), {"is_admin": "on"}
    )
    assert changed.status_code == 403
    admin_client.post(reverse("admin:ttscache_apitoken_delete", args=[token.pk]), {"post": "yes"})
    assert not ApiToken.objects.exists()
