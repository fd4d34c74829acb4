"""SECRET_KEY: read from the environment, or generated once and stored in VAR_DIR."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

from lifereview.env.reader import Environment, refuse

FEWEST_CHARACTERS = 32
FEWEST_DIFFERENT = 10
HOW_TO_MAKE_ONE = 'Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
_PLACEHOLDER = re.compile(
    r"django-insecure|change.?(me|this|it)|replace.?(me|this|with)|placeholder|example|your.{0,3}secret"
    r"|random characters|secret.?key|(?P<one>.)(?P=one){7}|0123456789|abcdefgh",
    re.IGNORECASE,
)


def secret_key(env: Environment, folder: Path, hosts: Collection[str], this_machine: Collection[str]) -> str:
    """The key that signs sessions. A site beyond this machine must set it, because its hosts share it."""
    given = env.text("SECRET_KEY")
    is_public = not set(hosts) <= set(this_machine)
    if given:
        weakness = _weakness_of(given) if is_public else ""
        if weakness:
            raise SystemExit(f"SECRET_KEY cannot be used on a public host: {weakness}. {HOW_TO_MAKE_ONE}")
        return given
    if is_public:
        refuse(
            "SECRET_KEY",
            "",
            "a site beyond this machine (ALLOWED_HOSTS) has to be given one, shared by all its hosts",
        )
    path = folder / "secret_key"
    try:
        return _kept_key(path)
    except OSError as error:
        refuse("VAR_DIR", str(folder), f"the secret key in it cannot be made or read ({error.strerror})")


def _weakness_of(key: str) -> str:
    """Why others could guess this key, in words that do not repeat it; empty if they could not."""
    if len(key) < FEWEST_CHARACTERS:
        return f"it has {len(key)} characters, and at least {FEWEST_CHARACTERS} are needed"
    if len(set(key)) < FEWEST_DIFFERENT:
        return f"it has only {len(set(key))} different characters"
    if _PLACEHOLDER.search(key):
        return "it looks like a placeholder of an example"
    return ""


def _kept_key(path: Path) -> str:
    if not path.exists():
        # Written beside its final place, then linked: if two processes start for the first time at once, both
        # end up with the key that was linked first.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
