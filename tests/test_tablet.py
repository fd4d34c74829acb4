"""A tablet in the next room opens the site that `make run` serves with HOST=0.0.0.0."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import http
from harness.optional import skipped_when_unavailable
from harness.other_host import Network, OtherHost
from harness.sign_in import sign_in_over_http
from harness.site import Site

pytestmark = [pytest.mark.site, pytest.mark.any_database, pytest.mark.timeout(300)]

LISTENS = {"HOST": "0.0.0.0", "DJANGO_SUPERUSER_PASSWORD": "letters-1906", "TTS_MODLE": "hush"}


def test_a_tablet_opens_the_page_and_staff_sign_in_on_it(
    tmp_path: Path, network: Network, with_static_files: Callable[[Path], None]
) -> None:
    with_static_files(tmp_path / "var")
    with skipped_when_unavailable(), OtherHost(network) as tablet, Site(tmp_path / "var", LISTENS) as site:
        printed = re.findall(r"^ +(http://\S+)/$", site.log(), re.MULTILINE)
        here = f"http://{tablet.near}:{site.port}"
        with tablet.inside():
            page = http.get(f"{here}/")
            listed = http.get(f"{here}/api/narratives").json()
            staff = sign_in_over_http(here, "admin", "letters-1906")
            stranger = http.get(f"{here}/", {"Host": f"example.org:{site.port}"})
            names = [http.get(each + "/api/health").status for each in printed if each == here]

        assert here in printed
        assert (page.status, stranger.status, names) == (200, 400, [200])
        assert len(listed["narratives"]) == 12
        assert "admin" in staff
        assert {http.get(f"{each}/").status for each in printed} == {200}  # all are this machine's
        (warning,) = [line for line in site.log().splitlines() if "TTS_MODLE" in line]
        assert "did you mean TTS_MODEL?" in warning
        assert "hush" not in site.log()
