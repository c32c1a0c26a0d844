"""What is imported is required by name, in the file of the part that imports it, and pinned."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from backend.config.env import ROOT

OURS = {"backend", "ml", "tests", "scripts"}


def required(*names: str) -> set[str]:
    """Canonical names of the distributions that the files ask for themselves."""
    lines = [line for name in names for line in (ROOT / name).read_text("utf-8").splitlines()]
    return {
        canonicalize_name(Requirement(line).name)
        for line in lines
        if line and not line.startswith(("#", "-"))
    }


def imported(*folders: str) -> dict[str, Path]:
    """Top-level modules that are imported, each with one file that does."""
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            else:
                continue
            for module in modules:
                found.setdefault(module.partition(".")[0], path.relative_to(ROOT))
    return {
        module: path
        for module, path in found.items()
        if module not in sys.stdlib_module_names | OURS
    }


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (("backend",), ("requirements.txt", "requirements-embedded.txt")),
        (("ml",), ("requirements-ml.txt",)),
        (
            ("tests",),
            (
                "requirements.txt",
                "requirements-embedded.txt",
                "requirements-ml.txt",
                "requirements-dev.txt",
            ),
        ),
        (("scripts",), ("requirements.txt", "requirements-ml.txt", "requirements-dev.txt")),
    ],
    ids=["backend", "ml", "tests", "scripts"],
)
def test_every_import_is_required(folders: tuple[str, ...], files: tuple[str, ...]) -> None:
    distributions = packages_distributions()
    names = required(*files)
    missing = {
        module: str(path)
        for module, path in imported(*folders).items()
        if not {canonicalize_name(name) for name in distributions.get(module, [module])} & names
    }
    assert missing == {}


def test_every_requirement_has_one_pinned_version() -> None:
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            pinned[canonicalize_name(name)] = version
    files = [path.name for path in ROOT.glob("requirements*.txt")]
    unpinned = required(*files) - required("requirements-model.txt") - pinned.keys()
    assert unpinned == set()
    assert all(pinned.values())
