"""Base classes of the API's views."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView


class JsonOnly(BaseContentNegotiation):
    """Ignores `Accept`, so that a player that accepts only audio still gets a readable error."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class JsonView(APIView):
    content_negotiation_class = JsonOnly


class PublicView(JsonView):
    """Open to anyone: the caller is not looked up."""

    authentication_classes: Any = ()


class NotFoundView(PublicView):
    """Answers every other address below /api and /v1 with a JSON error."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Http404
