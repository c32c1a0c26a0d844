"""Two processes that share a run's work do what one does, and end together."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from tests.ml.training_runs import Watched, config, example, write_examples, write_run

ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ON_TWO = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
# Three examples a step, so that one process has two of them and the other one.
SHARED = {"batch_size": 3, "max_steps": 6, "evaluation_interval": 3, "keep_best": True}


def test_two_processes_train_as_one_and_stop_together(tmp_path: Path, tiny_model: Path) -> None:
    validation = [example("谁?", "我。"), example("Who?", "Me."), *[example("?", "!")] * 9]
    file = write_examples(tmp_path / "validation.jsonl", validation)
    path = write_run(tmp_path / "two", base=tiny_model, settings=SHARED, validation_file=str(file))
    done = subprocess.run(
        [*TORCHRUN, "-m", "tests.ml.distributed_runs", str(path)],
        cwd=ROOT,
        env=ON_TWO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads((tmp_path / "two" / "told.json").read_text())

    one = Watched(
        replace(config(tmp_path / "one", base=tiny_model, settings=SHARED), validation_file=file)
    )
    assert one.trainer.run()
    assert two["stopped_at"] == 3
    for name in ("loss", "eval_loss", "grad_norm"):
        expected = [event[name] for event in one.events if name in event]
        measured = [event[name] for event in two["events"] if name in event]
        assert measured == pytest.approx(expected, abs=1e-5), name
    for name, weight in one.weights().items():
        assert torch.allclose(torch.tensor(two["weights"][name]), weight, atol=1e-5), name


def test_the_others_end_with_the_process_that_started_them(
    tmp_path: Path, tiny_model: Path
) -> None:
    path = write_run(tmp_path, base=tiny_model, settings={"max_steps": 1_000_000})
    log = tmp_path / "trainer_log.jsonl"
    command = [*TORCHRUN, "-m", "ml", "train", "--config", str(path)]
    with subprocess.Popen(
        command, cwd=ROOT, env=ON_TWO, stderr=subprocess.DEVNULL, start_new_session=True
    ) as agent:
        try:
            deadline = time.monotonic() + 90
            while not (log.exists() and log.stat().st_size):
                assert agent.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            workers = psutil.Process(agent.pid).children(recursive=True)
            assert len([one for one in workers if "train" in one.cmdline()]) == 2
            os.kill(agent.pid, signal.SIGKILL)
            _gone, alive = psutil.wait_procs(workers, timeout=20)
            assert not alive
        finally:
            agent.kill()
    steps = [json.loads(line)["current_steps"] for line in log.read_text().splitlines()[:-1]]
    assert steps == sorted(set(steps)), "both processes wrote"
