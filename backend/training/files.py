"""The files of one run or job: what ``python -m ml`` takes and what it leaves.

Knows file names and formats only; nothing of rows, processes or people.
"""

import codecs
import json
import logging
import math
import re
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from backend.training.models import RunMetric

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

METRICS: Final = "trainer_log.jsonl"
STATUS: Final = "status.json"
RESULT: Final = "result.json"
EXAMPLES: Final = ("train.jsonl", "validation.jsonl", "golden.jsonl")
LOG: Final = "run.log"
STOP: Final = "stop"
CHECKPOINT: Final = "checkpoint"
CHECKPOINT_STATE: Final = "state.pt"
ADAPTER: Final = "adapter"

METRICS_AT_ONCE: Final = 32 * 1024
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
LARGEST_JSON: Final = 2 * 2**20
LARGEST_RESULT: Final = 32 * 2**20
DROPPED_SHOWN: Final = 200

# LLaMA-Factory's names, and two of our own, for what we plot.
KINDS: Final = {
    "loss": RunMetric.Kind.LOSS,
    "eval_loss": RunMetric.Kind.EVAL_LOSS,
    "lr": RunMetric.Kind.LEARNING_RATE,
    "grad_norm": RunMetric.Kind.GRAD_NORM,
    "throughput": RunMetric.Kind.TOKENS_PER_SECOND,
    "memory_bytes": RunMetric.Kind.MEMORY_BYTES,
}


@dataclass(frozen=True)
class Measure:
    """One value at one optimiser step."""

    step: int
    kind: str
    value: float


@dataclass
class Progress:
    """What newly written lines of the metrics file say; ``offset`` is the byte after them."""

    offset: int
    measures: list[Measure] = field(default_factory=list)
    step: int | None = None
    total_steps: int | None = None
    epoch: float | None = None
    remaining_s: float | None = None


@dataclass(frozen=True)
class Status:
    """``status.json``: where the training process says it is."""

    phase: str
    step: int
    total_steps: int
    error: dict[str, str] | None
    advice: str
    resumable: bool
    dropped: list[dict[str, str]]


def progress_after(folder: "Path", offset: int) -> Progress:
    """What the complete lines from byte ``offset`` on say, at most 32 KiB of them.

    A file shorter than ``offset`` was begun anew and is read from its start.
    """
    path = folder / METRICS
    size = path.stat().st_size if path.exists() else 0
    if size < offset:
        offset = 0
    if size == offset:
        return Progress(offset)
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(METRICS_AT_ONCE)
    complete = data[: data.rfind(b"\n") + 1]
    progress = Progress(offset + len(complete))
    for line in complete.splitlines():
        _add_line(progress, line)
    return progress


def _add_line(progress: Progress, line: bytes) -> None:
    try:
        entry = json.loads(line)
        step = int(entry["current_steps"])
    except (ValueError, KeyError, TypeError):
        logger.warning("a line of %s cannot be read and is left out", METRICS)
        return
    progress.step = step
    if (total := _number(entry.get("total_steps"))) is not None:
        progress.total_steps = int(total)
    if (epoch := _number(entry.get("epoch"))) is not None:
        progress.epoch = epoch
    if (remaining := _seconds(entry.get("remaining_time"))) is not None:
        progress.remaining_s = remaining
    for name, kind in KINDS.items():
        if (value := _number(entry.get(name))) is not None:
            progress.measures.append(Measure(step, kind, value))


def _number(value: object) -> float | None:
    """A finite number, or nothing: NaN has no place on a curve."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _seconds(value: object) -> float | None:
    """LLaMA-Factory writes ``str(timedelta)``, for instance ``1 day, 2:03:04``."""
    if not isinstance(value, str):
        return _number(value)
    days, _comma, clock = value.rpartition(",")
    try:
        hours, minutes, seconds = (float(part) for part in clock.split(":"))
        day_count = int(days.split()[0]) if days else 0
    except (ValueError, IndexError):
        return None
    return timedelta(days=day_count, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def status_read(folder: "Path") -> Status | None:
    """What the process last said; None where it has said nothing that can be read."""
    entry = json_read(folder / STATUS)
    if "phase" not in entry:
        return None
    error = entry.get("error")
    return Status(
        phase=str(entry["phase"]),
        step=int(_number(entry.get("step")) or 0),
        total_steps=int(_number(entry.get("total_steps")) or 0),
        error=(
            {"code": str(error.get("code", "failed")), "message": str(error.get("message", ""))}
            if isinstance(error, dict)
            else None
        ),
        advice=str(entry.get("advice") or ""),
        resumable=bool(entry.get("resumable")),
        dropped=[
            {"id": str(item.get("id", "")), "reason": str(item.get("reason", ""))}
            for item in entry.get("dropped") or []
            if isinstance(item, dict)
        ],
    )


def json_read(path: "Path", *, largest: int = LARGEST_JSON) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or a broken or huge one."""
    try:
        if path.stat().st_size > largest:
            return {}
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return _storable(read) if isinstance(read, dict) else {}


def _storable(value: Any) -> Any:  # JSON of any shape
    """The same without what PostgreSQL takes in no text; a model may write anything."""
    match value:
        case str():
            return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
        case list():
            return [_storable(one) for one in value]
        case dict():
            return {_storable(name): _storable(one) for name, one in value.items()}
        case _:
            return value


def log_after(folder: "Path", offset: int, *, limit: int) -> tuple[str, int]:
    """Text of the log from byte ``offset`` on and the byte after it, whole characters only."""
    path = folder / LOG
    if not path.exists():
        return "", 0
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(limit)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    unfinished, _flags = decoder.getstate()
    # PostgreSQL and terminals alike do not take it, and a log has no use for it.
    return text.replace("\0", ""), offset + len(data) - len(unfinished)


def log_size(folder: "Path") -> int:
    """Bytes of the log so far."""
    path = folder / LOG
    return path.stat().st_size if path.exists() else 0


def has_checkpoint(folder: "Path") -> bool:
    """Whether a run can go on from what it saved."""
    return (folder / CHECKPOINT / CHECKPOINT_STATE).is_file()


def has_adapter(folder: "Path") -> bool:
    """Whether the weights of the run in ``folder`` have landed."""
    return holds_adapter(folder / ADAPTER)


def holds_adapter(folder: "Path") -> bool:
    """Whether ``folder`` holds weights."""
    return (folder / "adapter_model.safetensors").is_file()


def ask_to_stop(folder: "Path") -> None:
    """Tell the process to write a checkpoint and end; asking again changes nothing."""
    (folder / STOP).touch()


def clear(folder: "Path", *, resume: bool) -> None:
    """Make the folder ready for a process: without what an earlier attempt left.

    Args:
        folder: made where there is none.
        resume: keep the checkpoint and the metrics up to it.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (STATUS, STOP) if resume else (STATUS, STOP, METRICS, RESULT):
        (folder / name).unlink(missing_ok=True)
    if not resume:
        for name in (CHECKPOINT, ADAPTER):
            shutil.rmtree(folder / name, ignore_errors=True)


def words_forget(folder: "Path") -> None:
    """Remove what a job was given and left in words; what counts stands in rows by now."""
    for name in (*EXAMPLES, RESULT):
        (folder / name).unlink(missing_ok=True)


def result_read(folder: "Path") -> dict[str, Any]:
    """What a job has found out or made; empty where it left nothing."""
    return json_read(folder / RESULT, largest=LARGEST_RESULT)


def config_write(path: "Path", config: dict[str, Any]) -> None:
    """Write the file that ``python -m ml`` is started with."""
    text = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
