"""Stands in for ``python -m ml train`` and its like where a test is about who watches it.

Writes the same files. How it behaves comes as words after the configuration: ``steps=N``,
``pause=SECONDS`` between steps, ``fail``, ``vanish`` (ends without a word after its steps),
``deaf`` (obeys neither the stop file nor SIGTERM), ``refuse`` (exit 2), ``empty`` (a job that
leaves no result).
"""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any


def main() -> int:
    words = dict(word.partition("=")[::2] for word in sys.argv[4:])
    config = json.loads(Path(sys.argv[3]).read_text("utf-8"))
    folder = Path(config["output_dir"])
    steps, pause = int(words.get("steps", 3)), float(words.get("pause", 0))
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(1))
    print("模型加载中", flush=True)
    if "refuse" in words:
        return 2

    checkpoint = folder / "checkpoint"
    done = int((checkpoint / "state.pt").read_text()) if config.get("resume") else 0

    def say(phase: str, step: int, **more: Any) -> None:
        entry = {"phase": phase, "step": step, "total_steps": steps, "error": None, "advice": None}
        entry |= {"resumable": checkpoint.is_dir(), "dropped": [{"id": "r#0", "reason": "long"}]}
        (folder / "status.new").write_text(json.dumps(entry | more), encoding="utf-8")
        (folder / "status.new").replace(folder / "status.json")

    def keep(step: int) -> None:
        checkpoint.mkdir(exist_ok=True)
        (checkpoint / "state.pt").write_text(str(step))

    say("loading", done)
    for step in range(done + 1, steps + 1):
        line: dict[str, Any] = {
            "current_steps": step,
            "total_steps": steps,
            "loss": 3.0 / step,
            "lr": 0.0005,
        }
        line |= {"epoch": step / steps, "remaining_time": "0:00:09", "throughput": 250.5}
        with (folder / "trainer_log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(f"第 {step} 步", flush=True)
        say("training", step)
        if "keep" in words:
            keep(step)
        time.sleep(pause)
        if (told or (folder / "stop").exists()) and "deaf" not in words:
            keep(step)
            say("stopped", step)
            return 0
    if "vanish" in words:
        return 0
    if "fail" in words:
        say(
            "failed",
            steps,
            error={"code": "diverged", "message": "The loss is no number."},
            advice="Lower the learning rate.",
        )
        return 1
    if sys.argv[1] != "train":
        if "empty" not in words:
            (folder / "result.json").write_text(json.dumps({"asked": config["question"]}))
        say("finished", steps)
        return 0
    adapter = folder / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "card.json").write_text(json.dumps({**config["card"], "steps": steps}))
    say("finished", steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
