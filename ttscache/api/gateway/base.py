"""The base class of the gateway's views: OpenAI's error shape, and an id on every answer."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpResponseBase
from rest_framework.request import Request

from ttscache.api.base import JsonView
from ttscache.api.gateway.errors import answer_in_openai_shape


class GatewayView(JsonView):
    def get_exception_handler(self) -> Any:
        return answer_in_openai_shape

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        if "x-request-id" not in answer:
            answer["x-request-id"] = f"req_{uuid.uuid4().hex}"
        return answer


class OpenGatewayView(GatewayView):
    """Open to anyone: well-known clients ask for lists without a token."""

    authentication_classes: Any = ()


class UnknownGatewayView(OpenGatewayView):
    """Answers every other address below /v1."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Http404
