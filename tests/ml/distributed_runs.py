"""What each process of a shared run does in ``test_distributed``: stopped once, then to the end.

Called by ``torchrun`` with a ``run.json``; the first process writes what was measured.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from ml.run_files import read_config
from ml.training.trainer import Event, Trainer
from ml.training.world import World


def main(path: Path) -> None:
    world = World.join()
    config = read_config(path)
    events: list[Event] = []

    def is_asked() -> bool:
        return world.rank == 1 and len(events) >= 3  # the one that writes nothing

    first = Trainer(config, on_event=events.append, should_stop=is_asked, world=world)
    assert not first.run()
    second = Trainer(
        replace(config, resume=True),
        on_event=events.append,
        should_stop=lambda: False,
        world=world,
    )
    second.resume()
    assert second.run()
    if world.is_first:
        weights = {name: weight.tolist() for name, weight in second.weights.by_name().items()}
        told = {"stopped_at": first.progress.step, "events": events, "weights": weights}
        path.with_name("told.json").write_text(json.dumps(told))
    world.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
