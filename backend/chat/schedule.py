"""Beat's entries for the chat."""

from typing import Any, Final

# Any: Celery's entries have no type of their own.
BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "chat-heal-replies": {
        "task": "backend.chat.tasks.heal_replies",
        "schedule": 10.0,
        # A worker that was away needs the newest one only.
        "options": {"queue": "knowledge", "expires": 10},
    },
}
