"""Reading what a training process writes, while it writes."""

import json
from pathlib import Path

import pytest

from backend.training import files
from backend.training.files import Measure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, *lines: object) -> None:
    with (folder / files.METRICS).open("a", encoding="utf-8") as log:
        log.writelines(json.dumps(line) + "\n" for line in lines)


def test_only_whole_lines_are_read_and_each_once(folder: Path) -> None:
    assert files.progress_after(folder, 0).measures == []
    write(folder, {"current_steps": 1, "loss": 2.5})
    first = files.progress_after(folder, 0)
    assert first.measures == [Measure(1, "loss", 2.5)]
    with (folder / files.METRICS).open("a") as log:
        log.write('{"current_steps": 2, "lo')
    assert files.progress_after(folder, first.offset).measures == []
    with (folder / files.METRICS).open("a") as log:
        log.write('ss": 1.5}\n')
    second = files.progress_after(folder, first.offset)
    assert second.measures == [Measure(2, "loss", 1.5)]
    assert second.offset == (folder / files.METRICS).stat().st_size


def test_a_file_begun_anew_is_read_from_its_start(folder: Path) -> None:
    write(folder, {"current_steps": 1, "loss": 2.5}, {"current_steps": 2, "loss": 2.4})
    offset = files.progress_after(folder, 0).offset
    (folder / files.METRICS).unlink()
    write(folder, {"current_steps": 1, "loss": 9.0})
    assert files.progress_after(folder, offset).measures == [Measure(1, "loss", 9.0)]


def test_what_is_no_finite_number_is_left_out_and_a_broken_line_skipped(folder: Path) -> None:
    write(
        folder,
        {
            "current_steps": 1,
            "loss": float("nan"),
            "lr": 0.1,
            "grad_norm": None,
            "throughput": True,
        },
        ["no object"],
        {"loss": 1.0},
        {"current_steps": 2, "eval_loss": 0.5, "memory_bytes": 7},
    )
    progress = files.progress_after(folder, 0)
    assert progress.measures == [
        Measure(1, "learning_rate", 0.1),
        Measure(2, "eval_loss", 0.5),
        Measure(2, "memory_bytes", 7.0),
    ]
    assert progress.step == 2


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(12.5, 12.5), ("0:01:05", 65), ("1 day, 2:03:04", 93784), ("2 days, 0:00:01", 172801)],
)
def test_the_remaining_time_is_read_as_llama_factory_writes_it(
    folder: Path, written: object, seconds: float
) -> None:
    write(folder, {"current_steps": 1, "remaining_time": written})
    assert files.progress_after(folder, 0).remaining_s == seconds


@pytest.mark.parametrize("written", ["soon", "", ["x"], None, "1:2"])
def test_a_remaining_time_that_is_none_is_left_out(folder: Path, written: object) -> None:
    write(folder, {"current_steps": 1, "remaining_time": written})
    assert files.progress_after(folder, 0).remaining_s is None


def test_the_log_is_cut_between_characters(folder: Path) -> None:
    (folder / files.LOG).write_text("训练中\n", encoding="utf-8")
    text, offset = files.log_after(folder, 0, limit=7)
    assert (text, offset) == ("训练", 6)
    assert files.log_after(folder, offset, limit=100) == ("中\n", 10)
    assert files.log_after(folder, 10, limit=100) == ("", 10)


def test_bytes_that_are_no_text_do_not_stop_the_log(folder: Path) -> None:
    (folder / files.LOG).write_bytes(b"a\xff\xfe\0b")
    text, offset = files.log_after(folder, 0, limit=100)
    assert (text, offset) == ("a\ufffd\ufffdb", 5)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"no": "phase"}'])
def test_a_status_that_cannot_be_read_is_none(folder: Path, content: str) -> None:
    (folder / files.STATUS).write_text(content)
    assert files.status_read(folder) is None


def test_a_status_is_read_whatever_is_missing(folder: Path) -> None:
    (folder / files.STATUS).write_text('{"phase": "loading"}')
    status = files.status_read(folder)
    assert status is not None
    assert (status.phase, status.step, status.error, status.resumable) == (
        "loading",
        0,
        None,
        False,
    )


def test_what_no_database_stores_is_replaced_wherever_a_model_wrote_it(folder: Path) -> None:
    written = {"answers": [{"text": "a\x00b", "pieces": ["\ud800", 3, None]}]}
    (folder / files.RESULT).write_text(json.dumps(written))
    replaced = {"answers": [{"text": "a\ufffdb", "pieces": ["\ufffd", 3, None]}]}
    assert files.result_read(folder) == replaced
