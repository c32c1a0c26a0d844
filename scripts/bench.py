"""``make bench``: what this machine needs for a start, an answer and the demo training.

Everything is measured in one run on the real stack with the packaged model; compare figures of one
run with each other, not with those of another machine. Prints a table for ``docs/benchmarks.md``.
"""

import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backend.config.embedded.ports import free_port  # noqa: E402
from ml.formats import examples, parse  # noqa: E402
from ml.presets import scaled_defaults  # noqa: E402
from tests.stack import Stack, launch, lend_model  # noqa: E402

QUESTION = "Tell me a long story about a lighthouse keeper and the sea."
TOKENS = 64
REPEATS = 5
TOGETHER = 4


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="loredesk-bench-"))
    folder.chmod(0o711)
    try:
        measure(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path) -> None:
    data_dir, port = folder / "data", free_port()
    lend_model(data_dir)
    row("what", "measured")
    row("---", "---")
    stack = launch(data_dir, port, LOREDESK_ADMIN_PASSWORD="benchmarks-7351")  # noqa: S106
    row("first start to /readyz, model converted", f"{stack.wait_until_ready(timeout_s=300):.1f} s")
    stack.stop()
    stack = launch(data_dir, port)
    row("second start to /readyz", f"{stack.wait_until_ready(timeout_s=300):.1f} s")
    try:
        answers(stack)
        for name, megabytes in memory(stack).items():
            row(f"memory of {name}", f"{megabytes:.0f} MB")
    finally:
        stack.stop()
    training(folder, data_dir / "models")


def answers(stack: Stack) -> None:
    server = json.loads((stack.data_dir / "ports.json").read_text("utf-8"))["model-server"]
    url = f"http://127.0.0.1:{server}"
    model = get(f"{url}/v1/models")["data"][0]["id"]
    ask(url, model)
    alone = [TOKENS / ask(url, model) for _ in range(REPEATS)]
    row("chat, one answer, median of 5", f"{statistics.median(alone):.1f} tokens/s")
    together = []
    for _ in range(REPEATS):
        began_at = time.monotonic()
        threads = [threading.Thread(target=ask, args=(url, model)) for _ in range(TOGETHER)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        together.append(TOGETHER * TOKENS / (time.monotonic() - began_at))
    row(
        f"chat, {TOGETHER} answers at once, in sum, median of 5",
        f"{statistics.median(together):.1f} tokens/s",
    )


def ask(url: str, model: str) -> float:
    """Seconds for one answer of ``TOKENS`` tokens."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": TOKENS,
        "temperature": 0,
    }
    began_at = time.monotonic()
    get(f"{url}/v1/chat/completions", body)
    return time.monotonic() - began_at


def get(url: str, body: dict[str, Any] | None = None) -> Any:  # JSON
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(  # noqa: S310  # our own stack
        url, data=data, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
        return json.load(answer)


def memory(stack: Stack) -> dict[str, float]:
    """Resident megabytes of each program, its children included."""
    used = {}
    for name, pid in sorted(stack.running().items()):
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        used[name] = sum(member.memory_info().rss for member in family) / 1e6
    return used


def training(folder: Path, models_dir: Path) -> None:
    """The demo preset on the sample records, nothing else running."""
    records = (ROOT / "data" / "abc_records.json").read_bytes()
    rows = parse(records, filename="abc_records.json")
    lines = [
        json.dumps(example, ensure_ascii=False)
        for number, parsed in enumerate(rows)
        if parsed.fields is not None
        for example in examples(parsed.fields, record_id=str(number))
    ]
    (folder / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = {
        "output_dir": str(folder / "run"),
        "base_model": "packaged:smollm2-135m-instruct",
        "models_dir": str(models_dir),
        "train_file": str(folder / "train.jsonl"),
        "system_prompt": "You are a helpful assistant.\nYou are talking to {{ name }}.",
        "settings": asdict(scaled_defaults(len(lines))),
    }
    (folder / "run.json").write_text(json.dumps(config), encoding="utf-8")
    began_at = time.monotonic()
    command = [sys.executable, "-m", "ml", "train", "--config", str(folder / "run.json")]
    process = psutil.Popen(command, cwd=ROOT, stdout=-3, stderr=-3)
    if process.wait() != 0:
        raise SystemExit("the training failed: " + (folder / "run" / "status.json").read_text())
    row(f"demo training, {len(lines)} examples", f"{time.monotonic() - began_at:.0f} s")
    log = (folder / "run" / "trainer_log.jsonl").read_text("utf-8").splitlines()
    steps = [json.loads(line) for line in log]
    speed = statistics.median(step["throughput"] for step in steps if "throughput" in step)
    row("training, median of its steps", f"{speed:.0f} tokens/s")
    row("memory of the training, at most", f"{steps[-1]['memory_bytes'] / 1e6:.0f} MB")


def row(name: str, value: str) -> None:
    print(f"| {name} | {value} |", flush=True)


if __name__ == "__main__":
    main()
