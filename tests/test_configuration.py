"""A wrong setting stops the start with one line: the variable, its value, and what is allowed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from harness.caller import Caller
from harness.process import HOST, leashed
from harness.site import MakeSite, Site, WebServer
from harness.site_data import query

pytestmark = pytest.mark.site

# Variable, wrong value, and a word from the text about allowed values.
WRONG = [
    ("TTS_MEMORY_BYTES", "abc", "number of bytes"),
    ("TTS_FILES_BYTES", "-1", "number of bytes"),
    ("TTS_PROVIDER", "parrot", "openai, embedded"),
    ("TTS_FALLBACK", "parrot", "none, embedded"),
    ("TTS_VOICES", "marin", "nova=marin,onyx=cedar"),
    ("TTS_VOICES", "nova=", "nova=marin,onyx=cedar"),
    ("TTS_VOICES", "nova=marin,nova=cedar", "one voice for each listener voice"),
    ("TTS_VOICES", "lucy=marin", "nova, onyx"),
    ("TTS_FORMAT", "ogg", "mp3, opus"),
    ("TTS_LISTENER_VOICES", "nova,,;", "nova,onyx"),
    ("TTS_LISTENER_VOICES", "robot", "nova"),
    ("TTS_WARM_CONCURRENCY", "0", "1"),
    ("TTS_PREDICT_AHEAD", "-1", "whole number from 0 to 100"),
    ("TTS_PREDICT_AHEAD", "three", "whole number"),
    ("TTS_MAX_CHARS", "many", "whole number"),
    ("TTS_TIMEOUT_SECONDS", "nan", "number"),
    ("TTS_ALLOW_ANONYMOUS_TEXT", "perhaps", "true and false"),
    ("WEB_THREADS", "0", "4"),
    ("WEB_WORKERS", "1.5", "whole number"),
    ("PORT", "99999", "65535"),
    ("DATABASE_URL", "mysql://root@localhost/life", "postgres"),
    ("REDIS_URL", "http://localhost", "redis"),
    ("OPENAI_BASE_URL", "localhost:9000", "http"),
    ("TTS_PERMANENT", "bucket", "database, storage"),
    ("TTS_COMPRESSION", "zip", "auto, gzip, none"),
    ("AWS_STORAGE_BUCKET_NAME", "my clips", "the name of a bucket"),
    ("DEBUG", "maybe", "true and false"),
    ("TTS_HIT_RATE_TARGETS", "question=101", "question=95"),
    ("TTS_STORAGE_LIMIT_BYTES", "plenty", "number of bytes"),
    ("TTS_ASK_ABOVE_USD", "much", "number"),
    ("TTS_MODEL_SHUTDOWN", "my-model=soon", "my-model=2027-01-06"),
    ("REFLECTION_MODEL", "a, b", "gpt-6-luna"),
    ("EMAIL_URL", "http://localhost", "smtp"),
    ("ALERT_EMAILS", "ana", "ana@example.org"),
    ("ALLOWED_HOSTS", "http://example.org/", "example.org"),
    ("CSRF_TRUSTED_ORIGINS", "example.org", "https://"),
]


def start(site: Site) -> subprocess.CompletedProcess[str]:
    """Run `manage.py serve`, which must end by itself."""
    return site.manage("serve", timeout_seconds=60)


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0
    (line,) = (done.stdout + done.stderr).splitlines()
    return line


# Loads the libraries once, and then starts `manage.py serve` once for each environment.
SERVE_EACH = """
import json, os, sys, tempfile
import dj_database_url, django.core.management, psycopg.pq, redis.backoff
answers = []
for variables in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            os.environ.update(variables, DJANGO_SETTINGS_MODULE="lifereview.settings")
            try:
                django.core.management.execute_from_command_line(["manage.py", "serve"])
            except SystemExit as ended:
                if isinstance(ended.code, str):
                    print(ended.code, file=sys.stderr)
                code = ended.code if isinstance(ended.code, int) else bool(ended.code)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                code = 1
            else:
                code = 0
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        answers.append((code, said.read()))
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """The exit status and output of a start with each wrong value."""
    site = Site(tmp_path_factory.mktemp("wrong") / "var")
    done = subprocess.run(
        leashed([site.python, "-c", SERVE_EACH]),
        input=json.dumps([{variable: value} for variable, value, _ in WRONG]),
        cwd=site.project,
        env=site.environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    answers: list[tuple[int, str]] = json.loads(done.stdout)
    return answers


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("variable", "value", "allowed"), WRONG)
def test_a_wrong_value_stops_the_start_with_one_line(
    refusals: list[tuple[int, str]], variable: str, value: str, allowed: str
) -> None:
    status, said = refusals[WRONG.index((variable, value, allowed))]
    assert status != 0
    (line,) = said.splitlines()
    assert variable in line
    assert value.split("://", maxsplit=1)[0] in line  # a URL may hold a password
    assert allowed in line


def test_a_site_beyond_this_machine_has_to_be_given_a_secret_key(tmp_path: Path) -> None:
    line = only_line(start(Site(tmp_path / "var", {"ALLOWED_HOSTS": "example.org"})))
    assert "SECRET_KEY" in line
    assert "ALLOWED_HOSTS" in line


def test_a_provider_without_a_key_says_what_to_set(tmp_path: Path) -> None:
    line = only_line(start(Site(tmp_path / "var", {"TTS_PROVIDER": "openai"})))
    assert "OPENAI_API_KEY" in line


def test_a_web_server_started_without_serve_refuses_a_wrong_combination(tmp_path: Path) -> None:
    server = WebServer(tmp_path / "var", {"TTS_PROVIDER": "openai"})
    server.is_prepared = True  # the settings are read before the database
    with pytest.raises(RuntimeError):
        server.start()
    assert "TTS_PROVIDER='openai' cannot be used without an OPENAI_API_KEY." in server.log()


def test_a_wrong_variable_with_a_password_is_refused_without_it(tmp_path: Path) -> None:
    line = only_line(start(Site(tmp_path / "var", {"DATABASE_URL": "mysql://root:hunter2@localhost/life"})))
    assert "hunter2" not in line


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    site = Site(tmp_path / "var")
    with socket.create_server((HOST, site.port)):
        line = only_line(start(site))
    assert f"PORT={site.port}" in line
    assert "in use" in line


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "file").touch()
    line = only_line(start(Site(tmp_path / "var", {"VAR_DIR": str(tmp_path / "var" / "file" / "below")})))
    assert "VAR_DIR" in line


class TestEnvFile:
    @pytest.fixture
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A copy of this project in which the test writes .env; the Site object does not know its content."""
        copied = tmp_path / "project"
        folders = ("lifereview", "narratives", "ttscache", "templates")
        for folder in folders:
            shutil.copytree(Site.project / folder, copied / folder)
        shutil.copy(Site.project / "manage.py", copied)
        monkeypatch.setattr(Site, "project", copied)
        monkeypatch.setattr("harness.site.dotenv_values", lambda _: {})
        return copied

    def test_the_env_file_is_read(self, project: Path, tmp_path: Path) -> None:
        (project / ".env").write_text("TTS_MEMORY_BYTES=abc\n")
        assert "TTS_MEMORY_BYTES='abc'" in only_line(start(Site(tmp_path / "var")))

    def test_the_environment_overrides_the_env_file(self, project: Path, tmp_path: Path) -> None:
        (project / ".env").write_text("TTS_MEMORY_BYTES=abc\nTTS_LISTENER_VOICES=sage\n")
        done = Site(tmp_path / "var", {"TTS_MEMORY_BYTES": "64MiB"}).manage("warm", "--voice", "nova")
        assert "sage" in done.stderr

    def test_the_first_user_of_the_environment_overrides_the_env_file(
        self,
        project: Path,
        tmp_path: Path,
        with_static_files: Callable[[Path], None],
        with_tables: Callable[[Path], None],
    ) -> None:
        with_static_files(tmp_path / "var")
        with_tables(tmp_path / "var")
        (project / ".env").write_text(
            "DJANGO_SUPERUSER_USERNAME=grace\nDJANGO_SUPERUSER_PASSWORD=hopper-1906\n"
        )
        with Site(tmp_path / "var") as site:
            ((digest,),) = query(site, "SELECT password FROM auth_user WHERE username = 'grace'")
            assert PBKDF2PasswordHasher().verify("hopper-1906", digest)
            assert "password" not in site.log()


@pytest.fixture(scope="module")
def with_empty_values(make_site: MakeSite) -> Iterator[WebServer]:
    names = [variable for variable, _, _ in WRONG if variable not in ("PORT", "DATABASE_URL")]
    with make_site(WebServer, **dict.fromkeys(names, "")) as server:
        yield server


def test_an_empty_variable_means_the_default(with_empty_values: WebServer) -> None:
    caller = Caller(with_empty_values, with_empty_values.api_token())
    with_empty_values.manage("load_default_content", check=True)
    assert caller.narratives()["voices"] == ["nova", "onyx"]
    assert caller.say("x" * 20_001).json()["code"] == "text_too_long"
