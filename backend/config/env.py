"""The only reader of environment variables; everything else takes typed values from here.

Three layers, the first that names a variable wins: the process environment, a file ``.env`` in
the repository's root, and ``embedded.env`` in the data folder, which ``make run`` writes so that
``manage.py`` in a clone talks to the services running there. Any variable may be given as
``NAME_FILE``, the path of a file that holds the value. A secret has no default: a start without
one stops with the variable's name. ``.env.example`` lists every variable.
"""

import os
import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Literal, cast
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT: Final = Path(__file__).resolve().parents[2]
DOTENV: Final = ROOT / ".env"
EMBEDDED_FILE: Final = "embedded.env"

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"0", "false", "no", "off"})

ModelHub = Literal["huggingface", "modelscope"]
LogFormat = Literal["text", "json"]


class EnvironmentProblem(ImproperlyConfigured):
    """A variable is missing or cannot be used; the message is one sentence with its name."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What a start needs to know before any service runs.

    The three URLs are empty where the embedded part is to be started.
    """

    data_dir: Path
    bind_address: str
    port: int
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    model_server_url: str
    base_model: str
    model_hub: ModelHub
    admin_password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Everything the Django processes take from outside."""

    data_dir: Path
    embedded: bool
    secret_key: str = field(repr=False)
    debug: bool
    allowed_hosts: list[str]
    csrf_trusted_origins: list[str]
    secure_cookies: bool
    four_eyes: bool
    evaluation_required: bool
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    model_server_url: str
    model_server_api_key: str = field(repr=False)
    base_model: str
    model_hub: ModelHub
    default_assistant: str
    max_upload_mb: int
    training_processes: int
    training_devices: list[str]
    judge_url: str
    judge_model: str
    judge_api_key: str = field(repr=False)
    admin_password: str = field(repr=False)
    log_format: LogFormat
    log_level: str

    @property
    def models_dir(self) -> Path:
        """Where base models are kept, each in its own folder."""
        return self.data_dir / "models"

    @property
    def runs_dir(self) -> Path:
        """Where every training run has its own folder."""
        return self.data_dir / "runs"


class Reader:
    """Typed look-ups in one mapping of variables; each error names the variable."""

    asked: ClassVar[set[str]] = set()  # every name that any reader was asked for

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    def text(self, name: str, default: str | None = None) -> str:
        """The value without surrounding blanks; an empty one counts as not given."""
        self.asked.add(name)
        file_name = self.variables.get(f"{name}_FILE", "").strip()
        if file_name:
            try:
                value = Path(file_name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as problem:
                raise EnvironmentProblem(f"{name}_FILE cannot be read: {problem}.") from problem
        else:
            value = self.variables.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise EnvironmentProblem(
                f"{name} is not set: give it in the environment, in a file named by {name}_FILE "
                f"or in .env (see .env.example), or start the embedded services with 'make run'."
            )
        return default

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, "true" if default else "false").lower()
        if value not in TRUE | FALSE:
            raise EnvironmentProblem(f"{name} must be true or false, not {value!r}.")
        return value in TRUE

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise EnvironmentProblem(
                f"{name} must be a whole number from {low} to {high}, not {value!r}."
            )
        return int(value)

    def words(self, name: str, default: list[str]) -> list[str]:
        value = self.text(name, ",".join(default))
        return [word.strip() for word in value.split(",") if word.strip()]

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``, the first of them when nothing is given."""
        value = self.text(name, choices[0])
        if value not in choices:
            raise EnvironmentProblem(f"{name} must be {' or '.join(choices)}, not {value!r}.")
        return value

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(name, default)
        if value and urlsplit(value).scheme not in schemes:
            wanted = " or ".join(f"{scheme}://" for scheme in schemes)
            # The value may hold a password, so it is not repeated here.
            raise EnvironmentProblem(f"{name} must start with {wanted}.")
        return value

    def data_dir(self) -> Path:
        """Absolute; a relative path is taken from the repository's root."""
        return (ROOT / Path(self.text("LOREDESK_DATA_DIR", "data/local")).expanduser()).resolve()


def read_launch(variables: Mapping[str, str] | None = None) -> Launch:
    """The outer layers only: what is running already is no reason to start differently."""
    reader = Reader(outer_variables() if variables is None else variables)
    return Launch(
        data_dir=reader.data_dir(),
        bind_address=reader.text("BIND_ADDRESS", "127.0.0.1"),
        port=reader.integer("PORT", 8000, low=1, high=65535),
        database_url=database_url(reader, ""),
        redis_url=redis_url(reader, ""),
        model_server_url=model_server_url(reader, ""),
        base_model=base_model(reader),
        model_hub=model_hub(reader),
        admin_password=reader.text("LOREDESK_ADMIN_PASSWORD", ""),
    )


def read(variables: Mapping[str, str] | None = None) -> Environment:
    """All layers; stops with the name of the first variable that is missing or wrong."""
    outer = outer_variables() if variables is None else variables
    data_dir = Reader(outer).data_dir()
    reader = Reader(ChainMap(given(outer), read_file(data_dir / EMBEDDED_FILE)))
    embedded = not database_url(Reader(outer), "")
    debug = reader.flag("DEBUG", False)
    return Environment(
        data_dir=data_dir,
        embedded=embedded,
        secret_key=reader.text("SECRET_KEY"),
        debug=debug,
        allowed_hosts=reader.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"]),
        csrf_trusted_origins=reader.words("CSRF_TRUSTED_ORIGINS", []),
        # The embedded start serves plain HTTP on this machine, where a secure cookie never returns.
        secure_cookies=reader.flag("SECURE_COOKIES", not embedded and not debug),
        four_eyes=reader.flag("FOUR_EYES", not embedded),
        evaluation_required=reader.flag("EVALUATION_REQUIRED", not embedded),
        database_url=database_url(reader, None),
        redis_url=redis_url(reader, None),
        model_server_url=model_server_url(reader, None).rstrip("/"),
        model_server_api_key=reader.text("MODEL_SERVER_API_KEY", ""),
        base_model=base_model(reader),
        model_hub=model_hub(reader),
        default_assistant=reader.text("DEFAULT_ASSISTANT", "abc"),
        training_devices=training_devices(reader),
        judge_url=reader.url("JUDGE_URL", ("http", "https"), "").rstrip("/"),
        judge_model=judge_model(reader),
        judge_api_key=reader.text("JUDGE_API_KEY", ""),
        max_upload_mb=reader.integer("MAX_UPLOAD_MB", 200, low=1, high=10_000),
        training_processes=reader.integer("TRAINING_PROCESSES", 1, low=1, high=64),
        admin_password=reader.text("LOREDESK_ADMIN_PASSWORD", ""),
        log_format=cast("LogFormat", reader.choice("LOG_FORMAT", ("text", "json"))),
        log_level=reader.choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR")),
    )


def outer_variables() -> Mapping[str, str]:
    """The process environment, then ``.env``."""
    return ChainMap(given(os.environ), read_file(DOTENV))


def for_own_process(more: Mapping[str, str]) -> dict[str, str]:
    """The process environment as it is, and ``more``, for a process of ours."""
    return {**os.environ, **more}


def for_foreign_process() -> dict[str, str]:
    """The process environment without what is ours: no secret, no address, no Django."""
    ours = {"DJANGO_SETTINGS_MODULE", *Reader.asked, *(f"{name}_FILE" for name in Reader.asked)}
    return {name: value for name, value in os.environ.items() if name not in ours}


def given(variables: Mapping[str, str]) -> dict[str, str]:
    """Without the empty ones, which would hide what an inner layer says."""
    return {name: value for name, value in variables.items() if value.strip()}


def read_file(path: Path) -> dict[str, str]:
    """The variables of a file of ``NAME=value`` lines; none where there is no such file."""
    if not path.is_file():
        return {}

    class File(environ.Env):  # type: ignore[misc]  # django-environ has no types
        ENVIRON: dict[str, str] = {}  # a fresh one for each file, never os.environ

    File.read_env(str(path))
    return given(File.ENVIRON)


# Read by a start and by the processes it starts, so each stands here once.


def database_url(reader: Reader, default: str | None) -> str:
    return reader.url("DATABASE_URL", ("postgres", "postgresql"), default)


def redis_url(reader: Reader, default: str | None) -> str:
    return reader.url("REDIS_URL", ("redis", "rediss", "unix"), default)


def model_server_url(reader: Reader, default: str | None) -> str:
    return reader.url("MODEL_SERVER_URL", ("http", "https"), default)


def training_devices(reader: Reader) -> list[str]:
    """The devices that a trainer shares out; one without a name where none are given."""
    devices = reader.words("TRAINING_DEVICES", [])
    if wrong := [device for device in devices if not re.fullmatch(r"[\w:.+-]{1,20}", device)]:
        raise EnvironmentProblem(
            f"TRAINING_DEVICES must be names of graphics cards such as 0,1, not {wrong[0]!r}."
        )
    if len(set(devices)) < len(devices):
        raise EnvironmentProblem("TRAINING_DEVICES names a device twice.")
    return devices or [""]


def judge_model(reader: Reader) -> str:
    model = reader.text("JUDGE_MODEL", "")
    if reader.text("JUDGE_URL", "") and not model:
        raise EnvironmentProblem("JUDGE_MODEL is not set, and JUDGE_URL needs it.")
    return model


def base_model(reader: Reader) -> str:
    return reader.text("BASE_MODEL", "packaged:smollm2-135m-instruct")


def model_hub(reader: Reader) -> ModelHub:
    return cast("ModelHub", reader.choice("MODEL_HUB", ("huggingface", "modelscope")))
