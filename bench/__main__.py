"""python -m bench [name...]: run all benchmarks, or those named, and print one table of ratios."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import signal
import sys
import time
import traceback

from bench import rows
from bench.table import Row, rendered
from harness import Unavailable

ONLY_BY_NAME = ("big_tables", "process_memory")  # each takes longer than all others together
DEFAULT = f"if none is given, all but {', '.join(ONLY_BY_NAME)}"


def main() -> int:
    names = [module.name for module in pkgutil.iter_modules(rows.__path__)]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure against a baseline.")
    parser.add_argument("name", nargs="*", help=f"of: {', '.join(names)}; {DEFAULT}")
    chosen = parser.parse_args().name or [name for name in names if name not in ONLY_BY_NAME]
    if strangers := set(chosen) - set(names):
        parser.error(f"there is no benchmark {min(strangers)!r}, only {', '.join(names)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders are removed, too
    _say(_machine())
    measured = [(name, *_measured(name)) for name in chosen]
    print(rendered([(title, found) for _, title, found, _ in measured]))
    print("\nMedians over interleaved repetitions; ratio = ours / baseline of the same repetition.")
    print(_machine())
    broken = [name for name, _, _, is_whole in measured if not is_whole]
    if broken:
        print(f"\nFailed before the end: {', '.join(broken)}")
    return 1 if broken else 0


def _measured(name: str) -> tuple[str, list[Row], bool]:
    """Run one benchmark; returns its title, its rows, and whether it finished."""
    module = importlib.import_module(f"{rows.__name__}.{name}")
    title = (module.__doc__ or name).strip().splitlines()[0]
    found: list[Row] = []
    began = time.monotonic()
    is_whole = True
    try:
        for row in module.measure():
            found.append(row)
            _say(f"  {name}: {' '.join(row.cells)}")
    except Unavailable as reason:
        _say(f"  {name}, the rest is skipped: {reason}")
    except Exception:
        traceback.print_exc()
        is_whole = False
    _say(f"{name}: {time.monotonic() - began:.0f} s")
    return title, found, is_whole


def _machine() -> str:
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load average {load}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
