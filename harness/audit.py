"""Runs pip-audit over a list of packages, and says what it found; also that it could find nothing.

    python -m harness.audit PIP_AUDIT REQUIREMENTS

Where the data of known weaknesses cannot be reached, pip-audit ends with an error or, at a mirror of the
registry, skips every package and calls that a success.
"""

from __future__ import annotations

import json
import subprocess
import sys

UNREACHABLE = "Not audited: the data of known weaknesses cannot be reached from here."
GOOD, WEAK, UNKNOWN = 0, 1, 2


def main(program: str, requirements: str) -> int:
    options = ["--requirement", requirements, "--disable-pip", "--require-hashes", "--format", "json"]
    done = subprocess.run(
        [program, *options, "--timeout", "15", "--progress-spinner", "off"],
        capture_output=True,
        text=True,
    )
    status, says = verdict(done.stdout)
    print(says)
    return status


def verdict(report: str) -> tuple[int, str]:
    """The exit status and what to say about a report of pip-audit, which is JSON if it got that far."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return UNKNOWN, UNREACHABLE
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        return UNKNOWN, UNREACHABLE
    weak = [
        f"{package['name']} {package['version']}: {weakness['id']}"
        f", mended in {', '.join(weakness['fix_versions']) or 'no version yet'}"
        for package in audited
        for weakness in package["vulns"]
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    lines = [*weak, f"{len(audited)} packages audited, {len(weak)} known weaknesses."]
    if skipped:
        lines.append(f"Not audited: {', '.join(skipped)}.")
    return (WEAK if weak else UNKNOWN if skipped else GOOD), "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
