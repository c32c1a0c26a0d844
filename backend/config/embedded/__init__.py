"""The embedded start: PostgreSQL, Valkey and every process of Loredesk on one machine.

Knows nothing of Django's models; ``python -m backend.config.embedded`` is what ``make run`` runs.
"""
