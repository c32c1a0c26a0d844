"""Who acts in a request, as the type that services take."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.common.errors import NotAllowed

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request


def acting_user(request: "Request | HttpRequest") -> User:
    """The signed-in person.

    Raises:
        NotAllowed: nobody is; views are closed before they ask, so this is the second lock.
    """
    if not isinstance(request.user, User):
        raise NotAllowed(_("Sign in first."))
    return request.user
