"""inside(): runs a function of a benchmark in a process of the product, with the given settings.

Only that process can import the product's modules, so such a function imports them itself.

    python -m bench.product MODULE FUNCTION ARGUMENTS-AS-JSON
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from harness.process import PROJECT, leashed


def inside(
    environment: Mapping[str, str],
    function: Callable[..., Any],
    *,
    timeout_seconds: float = 120,
    **given: Any,
) -> Any:
    """Run the function in the product and return its result. Arguments and result must be JSON data."""
    done = subprocess.run(
        leashed(
            [
                *(sys.executable, "-m", "bench.product"),
                *(function.__module__, function.__qualname__, json.dumps(given)),
            ]
        ),
        cwd=PROJECT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{function.__qualname__} failed in the product\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main(module: str, function: str, given: str) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")
    django.setup()
    print(json.dumps(getattr(importlib.import_module(module), function)(**json.loads(given))))


if __name__ == "__main__":
    main(*sys.argv[1:])
