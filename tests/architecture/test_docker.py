"""The container files describe the same processes as ``make run``, in valid words."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from backend.config.embedded import programs
from backend.config.embedded.clone import Clone
from backend.config.env import ROOT

DOCKER = ROOT / "docker"
SCHEMA = Path(__file__).parent / "compose_spec" / "schema.json"
EMBEDDED_PROGRAMS = [
    programs.web("0.0.0.0", 8000),  # noqa: S104  # inside a container
    programs.replier(),
    programs.worker(),
    programs.beat(Clone(Path("/data"))),
    programs.trainer(),
    programs.model_server(
        Clone(Path("/data")), "packaged:smollm2-135m-instruct", "huggingface", 9000
    ),
]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file as Compose reads it; YAML's merge keys are resolved."""
    content: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    return content


def stages() -> dict[str, list[str]]:
    """The instructions of every stage of the Dockerfile, continued lines joined."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if start := re.match(r"FROM (\S+) AS (\S+)", line):
            found[start[2]] = [line]
        elif line and not line.startswith("#"):
            found[list(found)[-1]].append(line)
    return found


def validate(content: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # The schema is older than the key that names the project.
    schema["properties"]["name"] = {"type": "string"}
    jsonschema.Draft201909Validator(schema).validate(content)


def words_of(service: dict[str, Any]) -> list[str]:
    """The service's command, with the defaults of its variables."""
    return [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in service["command"]]


def test_compose_follows_the_specification(compose: dict[str, Any]) -> None:
    validate(compose)


def test_the_specification_refuses_a_mistake(compose: dict[str, Any]) -> None:
    wrong = copy.deepcopy(compose)
    wrong["services"]["web"]["comand"] = ["x"]
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        validate(wrong)


def test_compose_runs_the_processes_of_make_run(compose: dict[str, Any]) -> None:
    helpers = {"database", "model"}  # migrations and conversion, which `make run` does itself
    wanted = {program.name for program in EMBEDDED_PROGRAMS} | {"postgres", "valkey"} | helpers
    assert set(compose["services"]) == wanted


@pytest.mark.parametrize("program", EMBEDDED_PROGRAMS, ids=lambda program: program.name)
def test_compose_starts_each_process_with_the_same_words(
    compose: dict[str, Any], program: programs.Program
) -> None:
    service = compose["services"][program.name]
    if program.name == "web":  # the image's own command
        line = next(line for line in stages()["app"] if line.startswith("CMD "))
        words = json.loads(line.removeprefix("CMD "))
    else:
        words = words_of(service)
    addresses = {
        "127.0.0.1": "0.0.0.0",  # noqa: S104
        "--schedule=/data/beat/schedule": "--schedule=/data/beat-schedule",
    }
    expected = [addresses.get(word, word) for word in program.command]
    assert words == ["python", *expected[1:]]


def test_only_what_needs_torch_runs_in_the_large_image(compose: dict[str, Any]) -> None:
    large = {
        name
        for name, service in compose["services"].items()
        if service.get("build", {}).get("target") == "ml"
    }
    assert large == {"model", "trainer", "model-server"}
    assert not [line for line in stages()["app"] if "requirements-ml" in line]
    assert [line for line in stages()["ml"] if "pip install" in line and "requirements-ml" in line]


def test_every_variable_that_compose_sets_is_one_that_is_read(compose: dict[str, Any]) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    known = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert set(compose["services"]["web"]["environment"]) <= known


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    environment = compose["services"]["web"]["environment"]
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"):
        assert re.search(r"\$\{\w+:\?", environment[name]), name
    assert (
        "${POSTGRES_PASSWORD:?"
        in compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    )


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    images = [
        service["image"] for service in compose["services"].values() if "build" not in service
    ]
    images += [base for lines in stages().values() if (base := lines[0].split()[1]) not in stages()]
    assert len(images) == 4
    assert not [image for image in images if not re.search(r":\d+\.\d+", image)]


@pytest.mark.parametrize("target", ["app", "ml"])
def test_an_image_does_not_run_as_root(target: str) -> None:
    users = [line for line in stages()[target] if line.startswith("USER ")]
    assert users[-1] == "USER loredesk"


def test_everything_that_the_image_copies_is_there_and_let_through() -> None:
    rules = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    for line in (line for lines in stages().values() for line in lines):
        if line.startswith("COPY ") and "--from=" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert any(
                    Path(source).parts and Path(Path(source).parts[0]).match(rule)
                    for rule in allowed
                ), source
