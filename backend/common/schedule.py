"""Beat's entries for long work."""

from typing import Any, Final

# Any: Celery's entries have no type of their own.
BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "jobs-reap": {
        "task": "backend.common.tasks.jobs_reap",
        "schedule": 15.0,
        "options": {"queue": "knowledge", "expires": 15},
    },
}
