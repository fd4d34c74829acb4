"""DATABASE_URL and REDIS_URL become Django's DATABASES and CACHES."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lifereview.env.databases import caches, databases
from lifereview.env.reader import Environment

pytestmark = pytest.mark.any_database

URL = "postgres://ana:hush@db.example.org:5433/life?sslmode=require"


def database(*, is_web_process: bool = False, **variables: str) -> dict[str, Any]:
    found: dict[str, Any] = databases(
        Environment(variables), Path("/var"), is_web_process=is_web_process, only_plays=False
    )
    return found["default"]  # type: ignore[no-any-return]


def test_the_database_is_sqlite_in_var_dir_without_a_url() -> None:
    assert database()["NAME"] == Path("/var/lifereview.sqlite3")


def test_a_database_url_names_host_port_user_and_options() -> None:
    found = database(DATABASE_URL=URL)

    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example.org", 5433, "life")
    assert (found["USER"], found["PASSWORD"]) == ("ana", "hush")
    assert found["OPTIONS"]["sslmode"] == "require"


def test_an_option_of_the_database_url_overrides_the_default() -> None:
    assert database(DATABASE_URL=f"{URL}&connect_timeout=9")["OPTIONS"]["connect_timeout"] in (9, "9")


def test_only_web_processes_have_a_connection_pool() -> None:
    assert "pool" in database(DATABASE_URL=URL, is_web_process=True)["OPTIONS"]
    assert "pool" not in database(DATABASE_URL=URL)["OPTIONS"]


def test_a_wrong_database_url_is_refused_without_its_password() -> None:
    with pytest.raises(SystemExit) as stopped:
        database(DATABASE_URL="mysql://ana:hush@db.example.org/life")

    assert "postgres://" in str(stopped.value)
    assert "hush" not in str(stopped.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hush@db/0?timeout=3",
        "redis://:hush@db/0?socket_timeout=soon",
        "rediss://:hush@db/0?ssl_cert_reqs=perhaps",
        "redis://:hush@no host/0",
        f"redis://:hush@{'a' * 64}.example.org/0",
    ],
)
def test_an_unusable_redis_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SystemExit, match="REDIS_URL") as stopped:
        caches(Environment({"REDIS_URL": url}))

    assert "hush" not in str(stopped.value)


def test_a_database_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"DATABASE_URL.* over 63 bytes"):
        database(DATABASE_URL=f"postgres://ana:hush@db/{'x' * 64}")


@pytest.mark.parametrize("host", ["api”.example.org", "a b.example.org", "a..b", "a" * 64, "-a.example.org"])
def test_a_host_name_that_cannot_be_one_is_refused(host: str) -> None:
    with pytest.raises(SystemExit, match="OPENAI_BASE_URL"):
        Environment({"OPENAI_BASE_URL": f"https://{host}/v1"}).url("OPENAI_BASE_URL", schemes=["https"])


@pytest.mark.parametrize("host", ["localhost", "my_service", "bücher.example", "[::1]:9", "10.0.0.5", "a.b."])
def test_a_host_name_that_can_be_one_is_taken(host: str) -> None:
    address = f"https://{host}/v1"

    assert Environment({"A_URL": address}).url("A_URL", schemes=["https"]) == address


def test_the_shared_cache_is_redis_or_else_the_database() -> None:
    assert (
        caches(Environment({"REDIS_URL": "redis://localhost"}))["default"]["LOCATION"] == "redis://localhost"
    )
    assert caches(Environment({}))["default"]["LOCATION"] == "django_cache"


@pytest.mark.parametrize("password", ["a#b", "a[b", "a]b", "a/b", "a?b", "a@b", "a@b/c", "50%off", "#[@"])
def test_a_password_is_read_as_it_was_put_into_a_database_url(password: str) -> None:
    found = database(DATABASE_URL=f"postgres://ana:{password}@db.example.org:5433/life?sslmode=require")

    assert (found["USER"], found["PASSWORD"]) == ("ana", password)
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example.org", 5433, "life")


def test_an_encoded_password_of_a_database_url_is_decoded_once() -> None:
    assert database(DATABASE_URL="postgres://ana:a%23b%2540@db/life")["PASSWORD"] == "a#b%40"


def test_options_of_other_libraries_in_a_database_url_are_left_out() -> None:
    options = database(DATABASE_URL=f"{URL}&pgbouncer=true&connection_limit=1")["OPTIONS"]

    assert options["sslmode"] == "require"
    assert not options.keys() & {"pgbouncer", "connection_limit"}


@pytest.mark.parametrize("option", ["pgbounce=true", "sslrootcert=/nowhere/ca.pem", "connect_timeout=soon"])
def test_an_unusable_option_of_a_database_url_is_named_without_the_password(option: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        database(DATABASE_URL=f"{URL}&{option}")

    assert option.partition("=")[0] in str(stopped.value)
    assert "hush" not in str(stopped.value)


@pytest.mark.parametrize("value", ["sk-hush”", '"sk-hush"', "sk-hush abc", "sk-húsh"])
def test_a_key_that_cannot_be_sent_is_refused_without_it(value: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        Environment({"OPENAI_API_KEY": value}).sendable("OPENAI_API_KEY")

    assert "OPENAI_API_KEY" in str(stopped.value)
    assert "hush" not in str(stopped.value)


@pytest.mark.parametrize("value", ["988\udce9", "988\x00", "988\n116"])
def test_a_value_that_no_page_could_show_is_refused(value: str) -> None:
    with pytest.raises(SystemExit, match="HELP_LINE"):
        Environment({"HELP_LINE": value}).text("HELP_LINE")
