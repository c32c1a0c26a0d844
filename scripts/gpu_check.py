"""``make gpu-check``: proves the CUDA paths on whatever card is there, and measures it.

Tiny random models for what must work, one of DeepSeek-R1-Distill-Qwen-1.5B's shape for how fast it
is; nothing is downloaded. Prints tables for ``docs/benchmarks.md``. Without a card it says that
nothing was checked; ``--rehearse`` then runs the same on the processor with a small model, which
proves only that this script works.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from scripts.gpu.checks import CHECKS, Place, Skipped  # noqa: E402
from scripts.gpu.models import SHAPE_1_5B, SHAPE_SMALL, shaped_model, write_lines  # noqa: E402
from scripts.gpu.speed import peak_bf16, speeds  # noqa: E402
from scripts.gpu.training import Failed  # noqa: E402
from tests.ml.tiny import build_model  # noqa: E402
from tests.ml.training_runs import QUESTIONS, example  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="on the processor, without a card")
    rehearse = parser.parse_args().rehearse
    if not torch.cuda.is_available() and not rehearse:
        print("There is no CUDA device here: nothing was checked.")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="loredesk-gpu-"))
    try:
        print(f"{_device()}, torch {torch.__version__}\n")
        failures = check(folder)
        measure(folder, SHAPE_SMALL if rehearse else SHAPE_1_5B)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not torch.cuda.is_available():
        print("\nA rehearsal on the processor: of the card nothing was checked.")
    return 1 if failures else 0


def check(folder: Path) -> int:
    """Prints a row for each check; how many failed."""
    base = build_model(folder / "tiny")
    rows = [example(*pair, number=number) for number, pair in enumerate(QUESTIONS)]
    place = Place(folder=folder, base=base, data=write_lines(folder / "train.jsonl", rows))
    failures = 0
    row("what", "outcome", "seen")
    row("---", "---", "---")
    for name, attempt in CHECKS.items():
        try:
            row(name, "works", attempt(place))
        except Skipped as reason:
            row(name, "not checked", str(reason))
        except Failed as problem:
            failures += 1
            row(name, "FAILED", str(problem))
    return failures


def measure(folder: Path, shape: dict[str, int]) -> None:
    """Prints a row for each length, with and without gradient checkpointing."""
    base = shaped_model(folder / "shaped", shape)
    print(f"\nbf16 matrix products here: {peak_bf16() / 1e12:.1f} TFLOP/s at most\n")
    row("sequences", "gradient checkpointing", "tokens/s", "share of that", "memory at most")
    row("---", "---", "---", "---", "---")
    for speed in speeds(folder, base, shape):
        figures = (
            (speed.problem, "", "")
            if speed.problem
            else (
                f"{speed.tokens_per_s:.0f}",
                f"{speed.share:.0%}",
                f"{speed.memory_bytes / 1e9:.1f} GB",
            )
        )
        row(str(speed.length), "yes" if speed.checkpointing else "no", *figures)


def row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no graphics card"


if __name__ == "__main__":
    sys.exit(main())
