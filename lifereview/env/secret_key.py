"""SECRET_KEY: read from the environment, or generated once and stored in VAR_DIR."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from lifereview.env.reader import Environment, refuse


def secret_key(env: Environment, folder: Path, hosts: Collection[str], this_machine: Collection[str]) -> str:
    """The key that signs sessions. A site beyond this machine must set it, because its hosts share it."""
    given = env.text("SECRET_KEY")
    if given:
        return given
    if not set(hosts) <= set(this_machine):
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
