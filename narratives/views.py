"""The listener's page (HTML)."""

from __future__ import annotations

from typing import Any

from django.views.generic import TemplateView


class ListenerPage(TemplateView):
    template_name = "narratives/listener.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs)
