"""``make bench-llamafactory``: our trainer and LLaMA-Factory 0.9.5 on the same work, in turn.

The sample records, SmolLM2-135M, the same batch, rank, targets and steps; on the processor. What
counts is examples a second of the training loop: LLaMA-Factory's token counts include padding.
Every round runs each of the three once; the table has the medians. ``ROUNDS=5 STEPS=10`` are the
defaults, and take about ten minutes on two cores that have nothing else to do.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ml.base_models import folder_of  # noqa: E402
from scripts.llamafactory import environment  # noqa: E402
from scripts.llamafactory.runs import (  # noqa: E402
    BATCH,
    BF16,
    DEFAULT,
    OURS,
    SYSTEM_PROMPT,
    Measured,
    train,
)
from scripts.llamafactory.sample import write_sample  # noqa: E402

KINDS: Final = (OURS, BF16, DEFAULT)
MODELS_DIR: Final = ROOT / "data" / "local" / "models"
LOSSES_AGREE: Final = 0.05
# On a processor that multiplies bfloat16 itself, and on one that does not.
TARGETS: Final = {True: {BF16: 1.8, DEFAULT: 3.0}, False: {DEFAULT: 1.2}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    given = parser.parse_args()
    environment.prepare()
    folder = Path(tempfile.mkdtemp(prefix="loredesk-llamafactory-"))
    try:
        return compare(folder, rounds=given.rounds, steps=given.steps)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(folder: Path, *, rounds: int, steps: int) -> int:
    """Runs everything and prints the table; 1 where the losses differ by more than they may."""
    base = folder_of("packaged:smollm2-135m-instruct", models_dir=MODELS_DIR).resolve()
    write_sample(folder, count=steps * BATCH)
    measured: dict[str, list[Measured]] = {kind: [] for kind in KINDS}
    for number in range(rounds):
        for kind in KINDS:
            output = folder / f"round-{number}" / str(KINDS.index(kind))
            done = train(kind, base=base, data=folder, output=output, steps=steps)
            measured[kind].append(done)
            print(f"round {number + 1}: {kind}: {done.examples_per_s:.2f} examples/s", flush=True)
    speeds = {
        kind: statistics.median(run.examples_per_s for run in runs)
        for kind, runs in measured.items()
    }
    losses = final_losses(base, folder, {kind: runs[-1].adapter for kind, runs in measured.items()})
    return report(speeds, losses, rounds=rounds, steps=steps)


def final_losses(base: Path, folder: Path, adapters: dict[str, Path]) -> dict[str, float]:
    """Kind -> loss on the examples that all trained on; torch stays out of this process."""
    command = [sys.executable, "-m", "scripts.llamafactory.loss", "--base", str(base)]
    command += ["--data", str(folder / "train.jsonl"), "--system-prompt", SYSTEM_PROMPT]
    done = subprocess.run(
        [*command, *(str(path) for path in adapters.values())],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(zip(adapters, (float(line) for line in done.stdout.split()), strict=True))


def report(speeds: dict[str, float], losses: dict[str, float], *, rounds: int, steps: int) -> int:
    """Prints the table for ``docs/benchmarks.md`` and what was to be reached."""
    print(f"\n{rounds} rounds of {steps} steps of {BATCH} examples, medians:\n")
    print("| trainer | examples/s | ours is faster by | loss on the examples, in float32 |")
    print("|---|---|---|---|")
    for kind in KINDS:
        ratio = "" if kind == OURS else f"{speeds[OURS] / speeds[kind]:.2f} ×"
        print(f"| {kind} | {speeds[kind]:.2f} | {ratio} | {losses[kind]:.4f} |")
    print()
    for kind, wanted in TARGETS[computes_bf16()].items():
        faster = speeds[OURS] / speeds[kind]
        verdict = "reached" if faster >= wanted else "missed"
        print(f"{kind}: {faster:.2f} ×, wanted {wanted} ×: {verdict}")
    apart = max(abs(losses[kind] / losses[OURS] - 1) for kind in KINDS)
    agree = apart <= LOSSES_AGREE
    print(f"losses differ by at most {apart:.1%}: {'agreed' if agree else 'too far apart'}")
    return 0 if agree else 1


def computes_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself; another process asks torch."""
    asked = "from ml.devices import computes_bf16_natively as natively; print(int(natively()))"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip() == "1"


if __name__ == "__main__":
    sys.exit(main())
