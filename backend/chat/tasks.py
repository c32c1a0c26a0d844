"""Celery's hold on the chat: timers only, for the answers themselves are the replier's."""

from celery import shared_task

from backend.chat.recovery import replies_heal


@shared_task(name="backend.chat.tasks.heal_replies")
def heal_replies() -> None:
    """Offer lost replies again and settle those of dead repliers."""
    replies_heal()
