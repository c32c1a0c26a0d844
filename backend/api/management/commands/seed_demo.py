"""``manage.py seed_demo``: the demo company, at the first start only."""

from django.core.management.base import BaseCommand

from backend.api.demo import demo_seed
from backend.config import env


class Command(BaseCommand):
    help = "Make the demo accounts, assistant and records, once. Running it again changes nothing."

    def handle(self, *_arguments: object, **_options: object) -> None:
        given = env.read().admin_password
        seeded = demo_seed(password=given)
        if seeded is None:
            self.stdout.write("The demo is there already; nothing was changed.")
            return
        self.stdout.write(f"{seeded.records} approved records and the assistant “abc” are there.")
        self.stdout.write(f"Accounts: {', '.join(seeded.people)}")
        if given:
            self.stdout.write("Their first password is that of LOREDESK_ADMIN_PASSWORD.")
        else:
            self.stdout.write(f"Their first password, shown this once: {seeded.password}")
