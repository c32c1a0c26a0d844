"""What the dialogs of these pages have in common."""

from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseRedirect

if TYPE_CHECKING:
    from django.http import HttpRequest


def go(request: "HttpRequest", address: str) -> HttpResponse:
    """To another page, out of a dialog as well (htmx would follow a redirect inside it)."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
