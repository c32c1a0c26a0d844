"""The built Vue pages: one HTML shell for all their addresses."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

if TYPE_CHECKING:
    from django.http import HttpRequest


@never_cache
@require_safe
def admin_sign_in(request: "HttpRequest") -> HttpResponse:
    """Where the admin sends whom it does not let in: to the one sign-in page.

    Somebody who is signed in already has the wrong role, and signing in would lead back here.
    """
    if request.user.is_authenticated:
        return render(request, "admin/not_for_you.html", status=403)
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{settings.LOGIN_URL}?{query}" if query else settings.LOGIN_URL)


@never_cache
@require_safe
def vue_shell(request: "HttpRequest", **_route: object) -> HttpResponse:  # noqa: ARG001
    """``frontend/dist/index.html``; the page reads the address itself."""
    try:
        html = (settings.FRONTEND_DIST / "index.html").read_bytes()
    except FileNotFoundError:
        text = _("The pages are not built yet. Run “make run”, or “npm run build” in frontend.")
        return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(html)
