"""The environment is read in one module, documented in one file, and refuses what it cannot use."""

import ast
import re
from pathlib import Path

import pytest

from backend.config import env

ENOUGH = {
    "SECRET_KEY": "k" * 50,
    "DATABASE_URL": "postgres://lore@db/lore",
    "REDIS_URL": "redis://cache:6379/0",
    "MODEL_SERVER_URL": "http://models:9000/",
}
LOOK_UPS = {"text", "flag", "integer", "words", "choice", "url"}


def example_variables() -> dict[str, str]:
    """Name to the comment above it."""
    comments: dict[str, str] = {}
    comment = ""
    for line in (env.ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            comment = line[2:]
        elif line:
            comments[line.partition("=")[0]] = comment
            comment = ""
    return comments


def names_read() -> set[str]:
    """Every variable that the reader's methods are called with."""
    asked: set[str] = set()
    tree = ast.parse(Path(env.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LOOK_UPS
            and isinstance(node.args[0], ast.Constant)
        ):
            asked.add(str(node.args[0].value))
    return asked


def test_the_example_lists_exactly_what_is_read() -> None:
    assert set(example_variables()) == names_read()


def test_every_variable_of_the_example_is_explained_in_a_sentence() -> None:
    unexplained = [name for name, text in example_variables().items() if not text.endswith(".")]
    assert unexplained == []


def test_the_example_as_it_stands_changes_no_default(tmp_path: Path) -> None:
    example = env.read_file(env.ROOT / ".env.example") | {"LOREDESK_DATA_DIR": str(tmp_path)}
    plain = {**ENOUGH, "LOREDESK_DATA_DIR": str(tmp_path)}
    assert env.read({**example, **ENOUGH}) == env.read(plain)


def test_nothing_else_reads_the_environment() -> None:
    pattern = re.compile(r"\bos\.(environ|getenv)\b|\bfrom os import .*\b(environ|getenv)\b")
    readers = [
        str(path.relative_to(env.ROOT))
        for folder in ("backend", "ml")
        for path in sorted((env.ROOT / folder).rglob("*.py"))
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    allowed = {"backend/config/env.py", "backend/config/asgi.py", "backend/config/celery.py"}
    # A secret that has no place in the job's file.
    allowed |= {"ml/evaluation/judge.py"}
    assert set(readers) - allowed == set()


@pytest.mark.parametrize("name", sorted(ENOUGH))
def test_a_missing_variable_stops_with_its_name(name: str, tmp_path: Path) -> None:
    variables = {**ENOUGH, "LOREDESK_DATA_DIR": str(tmp_path)}
    assert env.read(variables).secret_key == ENOUGH["SECRET_KEY"]
    del variables[name]
    with pytest.raises(env.EnvironmentProblem, match=f"^{name} is not set"):
        env.read(variables)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOUR_EYES", "ture"),
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("MAX_UPLOAD_MB", "-1"),
        ("TRAINING_PROCESSES", "0"),
        ("MODEL_HUB", "elsewhere"),
        ("LOG_FORMAT", "xml"),
        ("DATABASE_URL", "mysql://root@db/lore"),
        ("REDIS_URL", "cache:6379"),
        ("SECRET_KEY_FILE", "no/such/file"),
        ("JUDGE_URL", "ftp://judge"),
    ],
)
def test_a_value_that_cannot_be_used_stops_with_its_name(
    name: str, value: str, tmp_path: Path
) -> None:
    variables = {**ENOUGH, "LOREDESK_DATA_DIR": str(tmp_path), name: value}
    with pytest.raises(env.EnvironmentProblem, match=f"^{name} "):
        (env.read_launch if name == "PORT" else env.read)(variables)


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("from the file\n", encoding="utf-8")
    variables = {**ENOUGH, "LOREDESK_DATA_DIR": str(tmp_path), "SECRET_KEY_FILE": str(secret)}
    assert env.read(variables).secret_key == "from the file"


def test_the_embedded_file_fills_in_only_what_is_not_given(tmp_path: Path) -> None:
    (tmp_path / env.EMBEDDED_FILE).write_text(
        "".join(f'{name}="{value}"\n' for name, value in ENOUGH.items()), encoding="utf-8"
    )
    inside = env.read({"LOREDESK_DATA_DIR": str(tmp_path), "SECRET_KEY": ""})
    assert (inside.embedded, inside.four_eyes, inside.secure_cookies) == (True, False, False)
    assert inside.database_url == ENOUGH["DATABASE_URL"]
    outside = env.read(
        {"LOREDESK_DATA_DIR": str(tmp_path), "DATABASE_URL": "postgres://other@db/other"}
    )
    assert (outside.embedded, outside.four_eyes, outside.secure_cookies) == (False, True, True)
    assert outside.database_url == "postgres://other@db/other"
    assert outside.redis_url == ENOUGH["REDIS_URL"]


def test_secrets_are_not_shown_when_the_settings_are_printed(tmp_path: Path) -> None:
    shown = repr(env.read({**ENOUGH, "LOREDESK_DATA_DIR": str(tmp_path)}))
    assert ENOUGH["SECRET_KEY"] not in shown
    assert ENOUGH["DATABASE_URL"] not in shown
