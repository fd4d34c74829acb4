"""Adopts a PostgreSQL database of the earlier system: its tables stay, and are made to fit ours.

`migrate` does it, and `migrate --plan` shows beforehand what it would do; both use the plan of `plan.py`. No
clip's bytes are rewritten. A row that cannot stay in its table moves to a table beside it.
"""

CLIPS, FILES = "tts_cache", "tts_cache_files"
TABLES = (CLIPS, FILES)
