"""Python loads this at the start of each process that has this folder on its PYTHONPATH.

The packages in HIDDEN_PACKAGES then cannot be imported, as on a machine that never installed them.
"""

import os
import sys

sys.modules.update(dict.fromkeys(os.environ["HIDDEN_PACKAGES"].split()))  # type: ignore[arg-type]
