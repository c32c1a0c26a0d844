"""A run whose work several processes share is still one: found once, and killed whole."""

import sys
import time
from pathlib import Path

import psutil
from pytest_django import Settings

from backend.training import process

HELPED = """
import subprocess, sys, time
if "helper" not in sys.argv:
    subprocess.Popen([sys.executable, *sys.orig_argv[1:], "helper"], start_new_session=True)
time.sleep(60)
"""


def test_one_setting_starts_torchrun(settings: Settings) -> None:
    config = Path("/runs/1/run.json")
    alone = process.command("train", config)
    settings.TRAINING_PROCESSES = 2
    shared = process.command("train", config)

    assert alone == [sys.executable, "-m", "ml", "train", "--config", str(config)]
    assert shared[1:3] == ["-m", "torch.distributed.run"]
    assert shared[3:] == ["--standalone", "--nproc-per-node", "2", *alone[1:]]
    assert process.command("evaluate", config) == [
        sys.executable,
        "-m",
        "ml",
        "evaluate",
        *alone[4:],
    ]


def test_helpers_are_neither_found_nor_left_over(tmp_path: Path) -> None:
    """As torchrun does, with the same words and in a session of their own."""
    words = ["-c", HELPED, "train", "--config", str(tmp_path / "run.json")]
    first = psutil.Popen([sys.executable, *words], start_new_session=True)
    try:
        give_up_at = time.monotonic() + 20
        while not (helpers := first.children()) or "helper" not in helpers[0].cmdline():
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        assert list(process.all_in(tmp_path.parent)) == [(first.pid, tmp_path)]
        assert process.find(tmp_path, helpers[0].pid) is None

        process.kill(first.pid)

        _gone, alive = psutil.wait_procs([first, *helpers], timeout=10)
        assert not alive
    finally:
        for one in psutil.process_iter(["cmdline"]):
            if str(tmp_path / "run.json") in (one.info["cmdline"] or []):
                one.kill()
