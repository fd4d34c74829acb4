"""A throw-away site with a year of made-up figures, to look at the dashboard:

    python -m harness.demo_site

It has its own database, clips and staff user, says “(demo data)” beside its figures, and prints its address.
Ctrl-C removes all of it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.site import Site

USER, PASSWORD = "ana", "quite-long-enough-1"
DEMO = {"DEMO_DATA": "1"}
SEED = "from harness.demo_figures import seed; seed({days})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Show the dashboard with made-up figures, on a site of its own."
    )
    parser.add_argument("--days", type=int, default=365, help="how far back they reach (default: 365)")
    with demo_site(parser.parse_args().days) as site:
        where = f"{site.url}/admin/ as {USER}, password {PASSWORD}."
        print(f"{where} Ctrl-C ends it and removes all of it.", flush=True)
        with suppress(KeyboardInterrupt):
            while site.is_running:
                time.sleep(1)


@contextmanager
def demo_site(days: int = 365, env: Mapping[str, str] | None = None) -> Iterator[Site]:
    """Run the whole product in a temporary folder, with the default content and `days` days of figures."""
    staff = {"DJANGO_SUPERUSER_USERNAME": USER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD, **DEMO}
    with (
        tempfile.TemporaryDirectory() as folder,
        Site(Path(folder) / "var", {**staff, **(env or {})}) as site,
    ):
        seed_figures(site, days)
        yield site


def seed_figures(site: Site, days: int = 365) -> None:
    """Add made-up figures to the database of a throw-away site that has DEMO in its environment."""
    site.manage("shell", "--verbosity", "0", "-c", SEED.format(days=days), check=True)


if __name__ == "__main__":
    main()
