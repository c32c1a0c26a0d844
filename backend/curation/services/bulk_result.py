"""What became of many records, kept so that each reader has it in the language of the moment."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext_lazy

from backend.accounts.roles import not_own
from backend.curation.content import SENTENCES
from backend.curation.models import Record
from backend.curation.services.forgetting import forgotten
from backend.curation.services.review import wrong_status
from ml.formats.rows import MAX_ENTRIES

Json = dict[str, Any]  # Any: JSON of the shape that is built here
REASONS: Final = {
    "not_found": gettext_lazy("There is no such record."),
    "unchanged": gettext_lazy("It was so already."),
    "changed_since": gettext_lazy("It was changed after the list was shown."),
}


@dataclass(frozen=True)
class Refusal:
    """Why a record did not take the step.

    Attributes:
        code: the machine code.
        was: the status that does not allow the step; else empty.
        to: the status that it would have had; else empty.
    """

    code: str
    was: str = ""
    to: str = ""

    @property
    def sentence(self) -> str:
        """For people, in the language of the moment."""
        match self.code:
            case "wrong_status":
                return wrong_status(self.was, Record.Status(self.to)).message
            case "four_eyes":
                return not_own().message
            case "forgotten":
                return forgotten().message
            case "too_many":
                return str(SENTENCES["too_many"] % {"field": "tags", "limit": MAX_ENTRIES})
            case code:
                return str(REASONS.get(code, code))


@dataclass
class BulkResult:
    """How many records changed, and why the others did not."""

    done: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)

    def refuse(self, refusal: Refusal, number: int = 1) -> None:
        self.refused[refusal] += number


def result_json(result: BulkResult) -> Json:
    """A result as it is kept."""
    refused = [
        {"code": refusal.code, "was": refusal.was, "to": refusal.to, "records": number}
        for refusal, number in result.refused.items()
    ]
    return {"changed": result.done, "refused": refused}


def result_of(kept: Json) -> BulkResult:
    """The result that was kept."""
    refused: Counter[Refusal] = Counter()
    for each in kept["refused"]:
        refused[Refusal(each["code"], each["was"], each["to"])] = each["records"]
    return BulkResult(kept["changed"], refused)


def result_shown(result: BulkResult) -> Json:
    """The shape of the answer to a step for many records."""
    unchanged = [
        {"code": refusal.code, "reason": refusal.sentence, "records": number}
        for refusal, number in result.refused.items()
    ]
    return {"changed": result.done, "unchanged": unchanged}
