"""Which entries of the admin's navigation somebody sees (named in ``settings.UNFOLD``)."""

from typing import TYPE_CHECKING

from backend.accounts.roles import Action, may

if TYPE_CHECKING:
    from django.http import HttpRequest


def may_manage_people(request: "HttpRequest") -> bool:
    return may(request.user, Action.PEOPLE_MANAGE)


def may_manage_assistants(request: "HttpRequest") -> bool:
    return may(request.user, Action.ASSISTANTS_MANAGE)


def may_read_audit(request: "HttpRequest") -> bool:
    return may(request.user, Action.AUDIT_READ)


def may_approve_records(request: "HttpRequest") -> bool:
    return may(request.user, Action.RECORDS_APPROVE)
