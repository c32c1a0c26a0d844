"""Training's timers for Celery beat."""

from typing import Any, Final

# Any: Celery's entries have no type. The reaper only reads rows and enqueues, so the worker
# runs it, which is there even while every trainer is busy.
BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "training-runs-reap": {
        "task": "backend.training.tasks.training_runs_reap",
        "schedule": 5.0,
        "options": {"queue": "knowledge", "expires": 5},
    },
}
