"""ApiToken: tokens for callers of the API."""

from __future__ import annotations

import hashlib
import secrets

from django.db import models
from django.utils import timezone


class ApiToken(models.Model):
    """A caller's right to free text and figures. Only a digest is stored, so a leaked table is useless."""

    name = models.CharField(max_length=100, unique=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    is_admin = models.BooleanField("may prune", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "API token"
        verbose_name_plural = "API tokens"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, name: str, *, is_admin: bool = False) -> str:
        """Create a token and return it. It cannot be shown again."""
        token = secrets.token_urlsafe(32)
        cls.objects.create(name=name, digest=cls.digest_of(token), is_admin=is_admin)
        return token

    @staticmethod
    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()
