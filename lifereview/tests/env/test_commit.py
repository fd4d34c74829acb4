"""The commit comes from a variable, a file that a build wrote, or the checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lifereview.env.commit import commit
from lifereview.env.reader import Environment

pytestmark = pytest.mark.any_database

HASH = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
    return subprocess.run(
        ["git", *author, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    return folder


def test_the_commit_of_a_checkout_is_the_one_that_git_names(checkout: Path) -> None:
    assert commit(Environment({}), checkout) == git(checkout, "rev-parse", "HEAD")


def test_the_commit_of_a_packed_branch_and_of_a_detached_head_is_found(checkout: Path) -> None:
    git(checkout, "pack-refs", "--all")
    assert commit(Environment({}), checkout) == git(checkout, "rev-parse", "HEAD")
    git(checkout, "checkout", "--quiet", "--detach")
    assert commit(Environment({}), checkout) == git(checkout, "rev-parse", "HEAD")


def test_the_commit_of_a_second_work_tree_is_its_own(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "--message", "second")

    assert commit(Environment({}), tmp_path / "other") == git(tmp_path / "other", "rev-parse", "HEAD")
    assert commit(Environment({}), tmp_path / "other") != commit(Environment({}), checkout)


def test_the_file_of_a_build_comes_before_the_checkout_and_the_variable_before_both(checkout: Path) -> None:
    (checkout / "COMMIT").write_text(f"{HASH}\n")

    assert commit(Environment({}), checkout) == HASH
    assert commit(Environment({"COMMIT": "v1.2"}), checkout) == "v1.2"


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert commit(Environment({}), tmp_path) == ""


def test_a_damaged_file_of_a_build_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "COMMIT").write_bytes(b"\xff not a commit")
    assert commit(Environment({}), tmp_path) == ""
