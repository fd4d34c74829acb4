"""SECRET_KEY comes from the environment, or is generated once and kept in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifereview.env.reader import Environment
from lifereview.env.secret_key import secret_key

pytestmark = pytest.mark.any_database

HERE = ["localhost"]


STRONG = "n3Vx-Rt8_qLw2ZsYk5HbJ7mPcD4fGaT9uEoKiB6vXy1"


@pytest.mark.parametrize(
    "weak",
    [
        "given",
        "ab" * 30,
        f"django-insecure-{STRONG}",
        f"change-me-{STRONG}",
        "the same 50 random characters on every host",
        "your-secret-key-goes-here-and-is-quite-long",
        f"{STRONG}aaaaaaaaaa",
    ],
)
def test_a_key_that_others_could_guess_is_refused_on_a_public_host(tmp_path: Path, weak: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        secret_key(Environment({"SECRET_KEY": weak}), tmp_path, ["example.org"], HERE)
    assert "SECRET_KEY cannot be used on a public host" in str(stopped.value)
    assert weak not in str(stopped.value)
    assert secret_key(Environment({"SECRET_KEY": weak}), tmp_path, HERE, HERE) == weak


def test_a_given_secret_key_is_used_and_not_stored(tmp_path: Path) -> None:
    assert secret_key(Environment({"SECRET_KEY": STRONG}), tmp_path, ["example.org"], HERE) == STRONG
    assert list(tmp_path.iterdir()) == []


def test_a_generated_secret_key_is_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    made = secret_key(Environment({}), tmp_path, HERE, HERE)

    assert len(made) >= 50
    assert secret_key(Environment({}), tmp_path, HERE, HERE) == made
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_site_beyond_this_machine_requires_a_secret_key(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="SECRET_KEY="):
        secret_key(Environment({}), tmp_path, ["example.org"], HERE)
