"""Fails where a model has changed and no migration says so. Asks no database."""

import sys

import django

django.setup()

from django.apps import apps  # noqa: E402  # after the set-up that fills it
from django.db.migrations.autodetector import MigrationAutodetector  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from django.db.migrations.state import ProjectState  # noqa: E402

loader = MigrationLoader(None)
detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
missing = {
    app: [operation.describe() for migration in migrations for operation in migration.operations]
    for app, migrations in detector.changes(graph=loader.graph).items()
}
for app, operations in missing.items():
    for operation in operations:
        print(f"{app}: no migration for: {operation}")
sys.exit(bool(missing))
