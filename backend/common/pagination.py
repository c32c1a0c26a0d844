"""Cursor pagination: stable under inserts, and the 10,000th page costs what the first does."""

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Cursor(CursorPagination):
    """``?cursor=`` and ``?page_size=`` (1–200, default 50); the answer is ``{results, next}``."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = ("-created_at", "-id")

    def paginate_queryset(
        self,
        queryset: Any,  # a QuerySet, or rows of a list
        request: "Request",
        view: "APIView | None" = None,
    ) -> list[Any] | None:
        """One page; a cursor whose place is no value of the column is as wrong as any other."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except ValueError as error:
            raise NotFound(self.invalid_cursor_message) from error

    def get_paginated_response(self, data: object) -> Response:
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, object]) -> dict[str, object]:
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {"type": "string", "nullable": True, "format": "uri"},
            },
        }
