"""The base classes of the gateway's views: errors in OpenAI's shape."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from rest_framework.request import Request

from ttscache.api.base import JsonView
from ttscache.api.gateway.errors import answer_in_openai_shape


class GatewayView(JsonView):
    def get_exception_handler(self) -> Any:
        return answer_in_openai_shape


class OpenGatewayView(GatewayView):
    """Open to anyone: well-known clients ask for lists without a token."""

    authentication_classes: Any = ()


class UnknownGatewayView(OpenGatewayView):
    """Answers every other address below /v1."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Http404
