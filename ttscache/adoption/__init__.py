"""Takes an existing PostgreSQL of the earlier system home: its tables are kept, and made to fit ours.

Plain `migrate` does it, and `migrate --plan` says beforehand what it would do: both read the plan of
`plan.py`. No clip's bytes are rewritten, and a row that cannot stay where it is moves to a table beside it.
"""

CLIPS, FILES = "tts_cache", "tts_cache_files"
TABLES = (CLIPS, FILES)
