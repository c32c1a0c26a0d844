"""``manage.py import_records FILE --as USER``: a file of records, as the page imports it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from backend.accounts.selectors import person_by_name
from backend.common.errors import DomainError
from backend.curation.import_jobs import WANTED, reading_options
from backend.curation.services.import_rows import Outcome
from backend.curation.services.imports import file_import

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Import records from a file; the same file a second time changes nothing."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--as", dest="username", required=True, metavar="USER")
        parser.add_argument("--dry-run", action="store_true")
        parser.add_argument("--format", default=None)

    def handle(self, **given: Any) -> None:  # Any: argparse's values
        person = person_by_name(username=given["username"])
        if person is None:
            raise CommandError(f"Nobody active signs in as {given['username']}.")
        path: Path = given["file"]
        if not path.is_file():
            raise CommandError(f"{path} is no file.")
        try:
            result = file_import(
                actor=person,
                path=path,
                filename=path.name,
                options=reading_options({"format": given["format"]}),
                dry_run=given["dry_run"],
                wanted=WANTED,
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        for row in result.rows:
            if row.outcome is not Outcome.NEW:
                self.stdout.write(f"row {row.row}: {row.outcome.value}: {row.reason}")
        counts = ", ".join(f"{number} {outcome}" for outcome, number in result.counts.items())
        self.stdout.write(f"{counts}{' (nothing is stored)' if given['dry_run'] else ''}")
