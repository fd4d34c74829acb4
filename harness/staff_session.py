"""StaffSession: a member of staff who is signed in to a whole site and presses its buttons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urlencode

from harness import http
from harness.http import Response
from harness.site import Site

_SIGN_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
client = Client()
client.force_login(get_user_model().objects.create_superuser("{name}"))
print(client.cookies["sessionid"].value)
"""
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass(frozen=True)
class StaffSession:
    """May do everything."""

    site: Site
    session: str

    @classmethod
    def begin(cls, site: Site, name: str = "ana") -> Self:
        made = site.manage("shell", "--verbosity", "0", "-c", _SIGN_IN.format(name=name), check=True)
        return cls(site, made.stdout.split()[-1])

    def get(self, path: str) -> str:
        """The page at this address. AssertionError for anything but 200."""
        return self._get(path).body.decode()

    def say_yes(self, path: str) -> Response:
        """Send the question at this address back as it was asked, as its button does."""
        question = self._get(path)
        fields = {name: unescape(value) for name, value in _HIDDEN.findall(question.body.decode())}
        assert fields.get("confirmed") == "yes", f"{path} asks nothing"
        csrf = SimpleCookie(question.headers["Set-Cookie"])["csrftoken"].value
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"sessionid={self.session}; csrftoken={csrf}",
        }
        return http.request("POST", f"{self.site.url}{path}", headers, urlencode(fields).encode())

    def _get(self, path: str) -> Response:
        page = http.get(f"{self.site.url}{path}", {"Cookie": f"sessionid={self.session}"})
        assert page.status == 200, (path, page.status)
        return page
