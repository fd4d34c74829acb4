"""StaffSession: a member of staff who is signed in to a whole site and presses its buttons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Self
from urllib.parse import urlencode

from harness import http
from harness.http import Response
from harness.site import Site
from harness.staff_accounts import put_session, put_user

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass(frozen=True)
class StaffSession:
    """May do everything."""

    site: Site
    session: str

    @classmethod
    def begin(cls, site: Site, name: str = "ana") -> Self:
        return cls(site, put_session(site, put_user(site, name, is_superuser=True)))

    def get(self, path: str) -> str:
        """The page at this address. AssertionError for anything but 200."""
        return self._get(path).body.decode()

    def say_yes(self, path: str) -> Response:
        """Send the question at this address back as it was asked, as its button does."""
        question = self._get(path)
        fields = {name: unescape(value) for name, value in _HIDDEN.findall(question.body.decode())}
        assert fields.get("confirmed") == "yes", f"{path} asks nothing"
        return self.send(path, fields)

    def send(self, path: str, fields: Mapping[str, object]) -> Response:
        """Send the form of a page, as its button does."""
        token = "a" * 32  # the cookie and the form must agree
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"sessionid={self.session}; csrftoken={token}",
        }
        body = urlencode({**fields, "csrfmiddlewaretoken": token}, doseq=True).encode()
        return http.request("POST", f"{self.site.url}{path}", headers, body, timeout_seconds=60)

    def publish(self, texts: Sequence[int]) -> None:
        """Choose these texts in the list of texts, publish them, and answer its question with yes."""
        fields = {"action": "publish_chosen", "_selected_action": texts, "confirmed": "yes"}
        answer = self.send("/admin/narratives/narrative/", fields)
        assert answer.status == 302, answer.status

    def _get(self, path: str) -> Response:
        page = http.get(f"{self.site.url}{path}", {"Cookie": f"sessionid={self.session}"})
        assert page.status == 200, (path, page.status)
        return page
