"""Serving's timers for Celery beat."""

from typing import Any, Final

# Any: Celery's entries have no type.
BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "serving-evaluations-collect": {
        "task": "backend.serving.tasks.evaluations_collect",
        "schedule": 5.0,
        "options": {"queue": "knowledge", "expires": 5},
    },
}
