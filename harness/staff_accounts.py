"""Puts staff users and their sessions into a site's database. A command for this takes a second to load."""

from __future__ import annotations

import secrets

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.test import override_settings

from harness.site import Site
from harness.site_data import execute, query

FAR_AWAY = "2100-01-01 00:00:00"


def put_user(
    site: Site,
    name: str,
    *,
    group: str = "",
    is_staff: bool = True,
    is_superuser: bool = False,
    password: str = "",
) -> User:
    """Create a user, by default a member of staff without any right."""
    # One round of hashing only. The site hashes the password anew at the sign-in.
    digest = PBKDF2PasswordHasher().encode(password, "salt", iterations=1) if password else "!"
    insert = (
        "INSERT INTO auth_user (username, password, is_superuser, is_staff, first_name, last_name, email,"
        " is_active, date_joined) VALUES (%s, %s, %s, %s, '', '', '', TRUE, CURRENT_TIMESTAMP)"
    )
    execute(site, insert, name, digest, is_superuser, is_staff)
    if group:
        member = "SELECT u.id, g.id FROM auth_user u, auth_group g WHERE u.username = %s AND g.name = %s"
        execute(site, f"INSERT INTO auth_user_groups (user_id, group_id) {member}", name, group)
    ((pk,),) = query(site, "SELECT id FROM auth_user WHERE username = %s", name)
    return User(pk=pk, username=name, password=digest)


def put_session(site: Site, user: User) -> str:
    """Create a session as the sign-in page does, and return the value of its cookie."""
    key = secrets.token_hex(16)
    secret = site.env.get("SECRET_KEY") or (site.var_dir / "secret_key").read_text().strip()
    with override_settings(SECRET_KEY=secret, SECRET_KEY_FALLBACKS=[]):
        content = {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
        insert = "INSERT INTO django_session (session_key, session_data, expire_date) VALUES (%s, %s, %s)"
        execute(site, insert, key, SessionStore().encode(content), FAR_AWAY)
    return key
