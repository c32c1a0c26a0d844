"""Beat's entries for the curation."""

from typing import Any, Final

# Any: Celery's entries have no type of their own.
BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "curation-uploads-clean": {
        "task": "backend.curation.tasks.uploads_clean",
        "schedule": 3600.0,
        "options": {"queue": "knowledge", "expires": 600},
    },
    "curation-sweep-findings": {
        "task": "backend.curation.tasks.sweep_findings",
        "schedule": 60.0,
        "options": {"queue": "knowledge", "expires": 60},
    },
}
