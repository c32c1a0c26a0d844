"""Speaks to people in the language of their profile; others get what their browser asks for."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


class OwnLanguageMiddleware:
    """Runs after ``LocaleMiddleware`` and sign-in; a language cookie set by hand still wins."""

    def __init__(self, get_response: "Callable[[HttpRequest], HttpResponse]") -> None:
        self.get_response = get_response

    def __call__(self, request: "HttpRequest") -> "HttpResponse":
        # The session names nobody on most requests for files and health: read no user then.
        user = request.user if request.session.session_key else None
        language = getattr(user, "language", "")
        if language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(language)
            request.LANGUAGE_CODE = language
        return self.get_response(request)
