"""Reads a Dockerfile, and runs its steps in a bare Debian root, because these machines fetch no image.

The base image, ARG values of a build and what only Docker does (layers, EXPOSE) are not tried.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness import Unavailable

BARE_PACKAGES = "python3,python3-venv,ca-certificates"


@dataclass(frozen=True, slots=True)
class DockerStep:
    """One instruction, its words in upper case first: RUN, COPY, ..."""

    instruction: str
    rest: str

    def as_list(self) -> list[str]:
        """The words of an instruction in its exec form, such as CMD ["python", "manage.py"]."""
        words: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return words


def docker_steps(path: Path) -> list[DockerStep]:
    """The instructions of a Dockerfile, without comments, with continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [DockerStep(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def docker_context(project: Path) -> Iterator[Path]:
    """The files that .dockerignore leaves in, for its simple patterns: `*`, `!name` and `**/name`."""
    rules = [
        line for line in (project / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    never = {rule.removeprefix("**/") for rule in rules if rule.startswith("**/")}
    assert "*" in rules
    for name in sorted(kept):
        found = [project / name] if (project / name).is_file() else sorted((project / name).rglob("*"))
        for path in found:
            parts = path.relative_to(project).parts
            if path.is_file() and not any(fnmatch.fnmatch(part, rule) for part in parts for rule in never):
                yield path


def _bare_root(folder: Path) -> None:
    """Debian with Python, as in the base image. Raises Unavailable without root, debootstrap or a mirror."""
    program = shutil.which("debootstrap") or shutil.which("debootstrap", path="/usr/sbin")
    if program is None or os.geteuid() != 0:
        raise Unavailable("a bare root takes debootstrap, and that takes root")
    done = subprocess.run(
        [program, "--variant=minbase", f"--include={BARE_PACKAGES}", "bookworm", str(folder)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Unavailable(f"debootstrap: {done.stdout[-500:]}{done.stderr[-500:]}")


@dataclass
class BareContainer:
    """A Debian root in which the steps of a Dockerfile ran, and the environment that they made."""

    root: Path
    env: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    )
    user: str = "0:0"
    workdir: str = "/"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)

    @classmethod
    def build(cls, project: Path, root: Path, arguments: Mapping[str, str]) -> BareContainer:
        """Run the steps. Raises Unavailable without a bare root, RuntimeError if a step fails."""
        _bare_root(root)
        root.chmod(0o755)  # a temporary folder lets only its owner in
        container = cls(root)
        given: dict[str, str] = {}
        context = list(docker_context(project))
        for step in docker_steps(project / "Dockerfile"):
            if step.instruction == "ARG":
                name, _, default = step.rest.partition("=")
                given[name] = arguments.get(name, default.strip('"'))
            elif step.instruction == "ENV":
                container.env |= dict(word.split("=", 1) for word in step.rest.split())
            elif step.instruction == "WORKDIR":
                container.workdir = step.rest
                (root / step.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif step.instruction == "COPY":
                container._copy(project, context, *step.rest.split())
            elif step.instruction == "RUN":
                container._run_step(step.rest, given)
            elif step.instruction == "USER":
                container.user = step.rest
            elif step.instruction == "CMD":
                container.command = step.as_list()
            elif step.instruction == "HEALTHCHECK":
                container.health = step.as_list()
            else:  # FROM, EXPOSE, VOLUME, STOPSIGNAL
                container.not_run.append(f"{step.instruction} {step.rest}")
        return container

    def inside(self, *command: str, volume: Path, network: str = "") -> list[str]:
        """Change the command to run as the user of the image, with a read-only root and a volume.

        `network` is a prefix such as `unshare --net`.
        """
        user, _, group = self.user.partition(":")
        data = self.root / self.env["VAR_DIR"].lstrip("/")
        mounts = " && ".join(
            [
                f"mount --bind {self.root} {self.root}",
                f"mount --bind {volume} {data}",
                f"mount -t proc proc {self.root}/proc",
                f"mount --rbind /dev {self.root}/dev",
                f"mount -o remount,bind,ro {self.root}",
            ]
        )
        environment = [f"{name}={value}" for name, value in self.env.items()]
        enter = f'cd {self.root}{self.workdir} && exec chroot --userspec={user}:{group} {self.root} "$@"'
        script = f"{mounts} && {enter}"
        in_folder = ["/bin/sh", "-c", f'cd {self.workdir} && exec "$@"', "-", *command]
        start = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "-"]
        return [*network.split(), *start, "/usr/bin/env", "-i", *environment, *in_folder]

    def _copy(self, project: Path, context: list[Path], source: str, target: str) -> None:
        folder = self.root / os.path.join(self.workdir, target).lstrip("/")
        wanted = [path for path in context if path == project / source or project / source in path.parents]
        assert wanted, f"COPY {source} finds nothing"
        for path in wanted:
            inner = path.relative_to(project / source) if path != project / source else Path(path.name)
            (folder / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / inner)

    def _run_step(self, script: str, given: Mapping[str, str]) -> None:
        """Run it as Docker does, with the way of this machine to its packages."""
        shutil.copy("/etc/resolv.conf", self.root / "etc" / "resolv.conf")
        env = {**self.env, **given, **self._way_to_packages()}
        in_folder = ["/bin/sh", "-c", f"cd {self.workdir} && {script}"]
        done = subprocess.run(
            ["chroot", str(self.root), *in_folder], env=env, capture_output=True, text=True, timeout=900
        )
        if done.returncode:
            raise RuntimeError(f"RUN {script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _way_to_packages(self) -> dict[str, str]:
        found = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        for name, value in found.items():
            if value.startswith("/") and Path(value).is_file():  # a certificate
                shutil.copy(value, self.root / "tmp" / Path(value).name)
                found[name] = f"/tmp/{Path(value).name}"
        return found
