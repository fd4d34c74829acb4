"""Django's cache in Redis, which also counts in one step."""

from __future__ import annotations

from django.core.cache.backends.redis import RedisCache

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
