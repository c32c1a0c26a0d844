"""What is committed: no large file, no private key, whole lines."""

import subprocess
from pathlib import Path

import pytest

from backend.config.env import ROOT
from scripts.check_files import complaints


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_every_tracked_file_may_be_committed() -> None:
    files = [path for path in tracked() if path.is_file() and not path.is_symlink()]
    assert len(files) > 100
    found = [f"{path.relative_to(ROOT)} {said}" for path in files for said in complaints(path)]
    assert found == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a line", "newline"),
        (b"a line\n\n", "newline"),
        (b"a line \n", "blanks"),
        (b"a line\r\n", "blanks"),
        (b"-----BEGIN " + b"RSA PRIVATE KEY-----\n", "private key"),
        (b"x" * 600_000 + b"\n", "KB"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert [complaint for complaint in complaints(tmp_path / "file") if said in complaint]
