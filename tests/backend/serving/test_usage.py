"""Which versions and adapters contain a record."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.curation.models import Record
from backend.curation.services import dataset_version_freeze, records_insert
from backend.serving.models import Deployment
from backend.training.models import Adapter, TrainingRun
from ml.formats import RecordFields
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]


def test_versions_and_adapters_in_production_first(
    api: As,
    trainer: User,
    curator: User,
    employee: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    contents = [RecordFields(instruction=f"question {n}?", output=f"answer {n}") for n in (1, 2)]
    record, _other = records_insert(contents=contents, author=None, status=Record.Status.APPROVED)
    assistant = Assistant.objects.create(slug="desk", name="Desk", base_model="base")
    adapters = []
    for number in (1, 2):
        version = dataset_version_freeze(actor=trainer, validation_share=0)
        run = TrainingRun.objects.create(
            number=number, dataset_version=version, assistant=assistant, base_model="base"
        )
        adapters.append(
            Adapter.objects.create(
                name=f"desk-{number}", run=run, assistant=assistant, base_model="base"
            )
        )
    Deployment.objects.create(assistant=assistant, adapter=adapters[0], action="promote")
    caller = api(curator)
    with django_assert_max_num_queries(8):
        seen = caller.get(f"/records/{record.pk}/usage").json()
    assert [(v["number"], v["revision"], v["split"]) for v in seen["versions"]] == [
        (2, 1, "train"),
        (1, 1, "train"),
    ]
    assert [(a["name"], a["in_production"], a["learnt"]) for a in seen["adapters"]] == [
        ("desk-1", ["Desk"], True),
        ("desk-2", [], True),
    ]
    assert api(employee).get(f"/records/{record.pk}/usage").status_code == 403
    assert caller.get(f"/records/{adapters[0].pk}/usage").status_code == 404
