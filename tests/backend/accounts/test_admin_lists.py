"""What lists work out once, instead of for each row, is what Unfold would show."""

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import translation
from unfold.admin import ModelAdmin
from unfold.templatetags import unfold_list

from backend.accounts.list_headings import KEPT
from backend.accounts.models import User
from backend.curation.models import Record

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/record/"


@pytest.mark.parametrize("query", ["", "?o=-6", "?status__exact=draft&o=2.-1"])
def test_the_headings_are_those_of_unfold(curator: User, query: str) -> None:
    client = Client()
    client.force_login(curator)
    shown = client.get(f"{LIST}{query}").context["cl"]
    expected = list(unfold_list.result_headers.__wrapped__(shown))
    assert shown.__dict__[KEPT] == expected == list(unfold_list.result_headers(shown))


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_checkbox_of_a_row_is_that_of_unfold(language: str) -> None:
    shown = admin.site.get_model_admin(Record)
    records = [Record(), Record()]
    with translation.override(language):
        boxes = [shown.action_checkbox(record) for record in records]
        assert boxes == [ModelAdmin.action_checkbox(shown, record) for record in records]
    for box, record in zip(boxes, records, strict=True):
        assert f'value="{record.pk}"' in box


def test_the_key_of_a_row_is_escaped() -> None:
    shown = admin.site.get_model_admin(Record)
    assert "<b>" not in shown.action_checkbox(Record(pk="<b>"))
