"""Adopts a PostgreSQL database of the earlier system: its tables stay, and are made to fit ours.

`migrate` does it, and `migrate --plan` shows beforehand what it would do; both use the plan of `plan.py`,
and both try it out first and roll that back. A clip's bytes are rewritten only where a client stored them as
text. A row that cannot stay in its table moves to a table beside it.
"""

CLIPS, FILES = "tts_cache", "tts_cache_files"
TABLES = (CLIPS, FILES)
