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
from datetime import UTC, datetime
from pathlib import Path

from bench import pace, rows
from bench.report import Measurement, write_report
from bench.table import MeasuredRow, rendered
from harness import Unavailable

# The first two fill tables with a million rows; the others are about no target of speed.
ONLY_BY_NAME = ("big_tables", "dashboard", "archive", "lanes", "sign_in")
QUICK = ("edge", "hit_latency", "miss", "throughput")
DEFAULT = f"if none is given, all but {', '.join(ONLY_BY_NAME)}"


def main() -> int:
    names = [module.name for module in pkgutil.iter_modules(rows.__path__)]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure against a baseline.")
    parser.add_argument("name", nargs="*", help=f"of: {', '.join(names)}; {DEFAULT}")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}, in less time")
    parser.add_argument(
        "--docs", type=Path, help="write measured.md, its plots and its JSON into this folder"
    )
    given = parser.parse_args()
    if given.quick:
        pace.make_quick()
    elif given.name:
        pace.make_thorough()
    usual = [name for name in names if (name in QUICK if given.quick else name not in ONLY_BY_NAME)]
    chosen = given.name or usual
    if strangers := set(chosen) - set(names):
        parser.error(f"there is no benchmark {min(strangers)!r}, only {', '.join(names)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders are removed, too
    _say(_machine())
    measured = []
    for name in chosen:
        measured.append(_measured(name))
        if given.docs:  # after each one, so that a run that is stopped keeps what it has measured
            write_report(measured[-1:], given.docs, known=names)
    print(rendered([(each.title, each.rows) for each in measured]))
    print("\nMedians over interleaved repetitions; ratio = ours / baseline of the same repetition.")
    print(_machine())
    if given.docs:
        print(f"Written: {given.docs / 'measured.md'}")
    broken = [each.name for each in measured if not each.is_whole]
    if broken:
        print(f"\nFailed before the end: {', '.join(broken)}")
    return 1 if broken else 0


def _measured(name: str) -> Measurement:
    """Run one benchmark."""
    module = importlib.import_module(f"{rows.__name__}.{name}")
    machine = _machine()
    found: list[MeasuredRow] = []
    began = time.monotonic()
    is_whole = True
    try:
        for row in module.measure():
            found.append(row)
            _say(f"  {name}: {' '.join(cell for cell in row.cells if cell)}")
    except Unavailable as reason:
        _say(f"  {name}, the rest is skipped: {reason}")
    except Exception:
        traceback.print_exc()
        is_whole = False
    seconds = time.monotonic() - began
    _say(f"{name}: {seconds:.0f} s")
    return Measurement(
        name=name,
        title=(module.__doc__ or name).strip().splitlines()[0],
        rows=found,
        is_whole=is_whole,
        seconds=round(seconds),
        measured_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=machine,
    )


def _machine() -> str:
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load average {load}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
