"""A list's headings are worked out once, and are those that Unfold would show."""

import pytest
from django.test import Client
from unfold.templatetags import unfold_list

from backend.accounts.list_headings import KEPT
from backend.accounts.models import User

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/record/"


@pytest.mark.parametrize("query", ["", "?o=-6", "?status__exact=draft&o=2.-1"])
def test_the_headings_are_those_of_unfold(curator: User, query: str) -> None:
    client = Client()
    client.force_login(curator)
    shown = client.get(f"{LIST}{query}").context["cl"]
    expected = list(unfold_list.result_headers.__wrapped__(shown))
    assert shown.__dict__[KEPT] == expected == list(unfold_list.result_headers(shown))
