"""Django's cache in Redis, which also counts in one step, and keeps JSON instead of pickles."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.cache.backends.redis import RedisCache

logger = logging.getLogger(__name__)

# A script runs whole or not at all. Two commands would not do: a count whose window ends between them would
# begin anew without an end, and its caller would be refused for ever.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 or redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""


class CountingRedisCache(RedisCache):
    def count_in_window(self, key: str, seconds: int) -> int:
        """Add one to a count that begins anew when `seconds` have passed since its first; returns the sum."""
        name = self.make_and_validate_key(key)
        client = self._cache.get_client(name, write=True)
        return int(client.eval(_COUNT, 1, name, seconds))


class JsonSerializer:
    """Django's own loads pickles, which run code: who can write to Redis could take over this site."""

    def dumps(self, value: object) -> str:
        return json.dumps(value)  # a whole number is its digits, which Redis can add to

    def loads(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except ValueError:  # what an older version or a stranger has left is not there
            logger.warning("A cached value that is no JSON is ignored.")
            return None
