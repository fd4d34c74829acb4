"""Signs in to the staff pages over HTTP as a browser at this address does."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from harness import http

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def sign_in_over_http(url: str, name: str, password: str) -> str:
    """The first staff page, after signing in at `url`. AssertionError if a step fails."""
    origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    page = http.get(f"{url}/admin/login/")
    assert page.status == 200, f"the login page answers {page.status}"
    token = _TOKEN.search(page.body.decode())
    assert token is not None, "the login page has no token"
    fields = {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"csrftoken={SimpleCookie(page.headers['Set-Cookie'])['csrftoken'].value}",
        "Origin": origin,
    }
    answer = http.request("POST", f"{url}/admin/login/", headers, urlencode(fields).encode())
    assert answer.status == 302, f"signing in answers {answer.status}"
    cookies = SimpleCookie()
    for header in answer.headers.get_all("Set-Cookie") or []:
        cookies.load(header)
    leads_to = answer.headers["Location"]
    first = http.get(f"{origin}{leads_to}", {"Cookie": f"sessionid={cookies['sessionid'].value}"})
    assert first.status == 200, f"{leads_to} answers {first.status}"
    return first.body.decode()
