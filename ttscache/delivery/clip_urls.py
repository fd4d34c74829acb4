"""The address of a clip, on this site or at the CDN."""

from __future__ import annotations

import re

from django.urls import get_script_prefix

from ttscache.conf import conf
from ttscache.models import Clip, PermanentStore
from ttscache.tiers import PUBLIC, version_of

# The middleware and the URLs match the same pattern, so that both answer the same addresses.
AUDIO = re.compile(r"/api/audio/(?P<content_hash>[0-9a-f]{32})\.(?P<extension>[a-z0-9]{1,5})")


def audio_path(content_hash: str, audio_format: str, checksum: str = "") -> str:
    """The address of a clip on this site. With a checksum, browsers may keep the response for ever."""
    version = f"?v={version_of(checksum)}" if checksum else ""
    return f"{get_script_prefix()}api/audio/{content_hash}.{audio_format}{version}"


def published_address(clip: Clip) -> str:
    """The public address of a published clip: at the CDN if it holds the clip uncompressed, else here."""
    name = clip.audio_file_path or ""
    is_public = clip.stored_in == PermanentStore.STORAGE and name.startswith(f"{PUBLIC}/")
    is_at_cdn = is_public and not clip.encoding
    if conf().cdn_url and clip.is_ready and is_at_cdn:
        return conf().cdn_url + name
    return audio_path(clip.content_hash, clip.audio_format, clip.checksum if clip.is_ready else "")
