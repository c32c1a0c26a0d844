"""Every kind of finding in words: its name, its sentence, and what a button can do about it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.curation.models import Record
from ml.quality import FIXABLE
from ml.quality.fixes import MASKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import _StrPromise

    from backend.curation.models import Finding


class Fix(TextChoices):
    """What can be done about a finding at the press of a button."""

    CORRECT = "correct", gettext_lazy("put it right")
    ARCHIVE = "archive", gettext_lazy("archive this record")
    MERGE = "merge", gettext_lazy("merge into the other record")


@dataclass(frozen=True)
class Kind:
    """Names a kind in filters, and says in a sentence what is wrong."""

    name: "_StrPromise"
    sentence: "_StrPromise"


KINDS: "Final[Mapping[str, Kind]]" = {
    "question_empty": Kind(
        gettext_lazy("empty question"),
        gettext_lazy("There is a question without a single letter or digit."),
    ),
    "answer_empty": Kind(
        gettext_lazy("empty answer"),
        gettext_lazy("The answer holds no letter and no digit."),
    ),
    "answer_is_question": Kind(
        gettext_lazy("answer is the question"),
        gettext_lazy("The answer is the question itself."),
    ),
    "answer_repeats_question": Kind(
        gettext_lazy("answer repeats the question"),
        gettext_lazy("The answer repeats the question before it answers: the model learns that."),
    ),
    "too_long": Kind(
        gettext_lazy("longer than the model reads"),
        gettext_lazy(
            "The whole example has %(tokens)s tokens, and the base model reads %(limit)s."
        ),
    ),
    "answer_too_long": Kind(
        gettext_lazy("answer longer than the assistant's"),
        gettext_lazy("The answer has %(tokens)s tokens, and the assistant stops after %(limit)s."),
    ),
    "language_mixed": Kind(
        gettext_lazy("question and answer in different languages"),
        gettext_lazy("The question is in %(question)s and the answer in %(answer)s."),
    ),
    "language_wrong": Kind(
        gettext_lazy("wrong language"),
        gettext_lazy("The language is said to be %(declared)s, but it is written in %(written)s."),
    ),
    "identity_card": Kind(
        gettext_lazy("identity card number"), gettext_lazy("There is an identity card number.")
    ),
    "bank_card": Kind(
        gettext_lazy("bank card number"), gettext_lazy("There is a bank card number.")
    ),
    "iban": Kind(
        gettext_lazy("bank account number"), gettext_lazy("There is a bank account number (IBAN).")
    ),
    "phone": Kind(
        gettext_lazy("telephone number"),
        gettext_lazy("There is a telephone number that may be somebody's own."),
    ),
    "landline": Kind(
        gettext_lazy("office or service number"),
        gettext_lazy("There is the number of an office or a hotline. Is it still right?"),
    ),
    "email": Kind(
        gettext_lazy("e-mail address"), gettext_lazy("There is somebody's e-mail address.")
    ),
    "mailbox": Kind(
        gettext_lazy("shared mailbox"),
        gettext_lazy("There is the address of a shared mailbox. Is it still right?"),
    ),
    "private_key": Kind(
        gettext_lazy("private key"),
        gettext_lazy("There is a private key. Take it out and replace it where it is in use."),
    ),
    "api_key": Kind(
        gettext_lazy("key or token of a service"),
        gettext_lazy("There is a key or a token. Take it out and replace it where it is in use."),
    ),
    "password": Kind(
        gettext_lazy("password"),
        gettext_lazy("There is what looks like a password. Take it out and change it."),
    ),
    "placeholder": Kind(
        gettext_lazy("placeholder"), gettext_lazy("Something is still to be filled in.")
    ),
    "html": Kind(
        gettext_lazy("HTML"), gettext_lazy("There is HTML, and the model would write it, too.")
    ),
    "mojibake": Kind(
        gettext_lazy("broken characters"),
        gettext_lazy("Characters were lost in a wrong encoding."),
    ),
    "invisible": Kind(
        gettext_lazy("invisible characters"),
        gettext_lazy("There are characters that nobody sees."),
    ),
    "untrimmed": Kind(
        gettext_lazy("spaces around the text"),
        gettext_lazy("There are spaces or empty lines before or after the text."),
    ),
    "repeated_text": Kind(
        gettext_lazy("repeated text"), gettext_lazy("The answer says the same again and again.")
    ),
    "cut_off": Kind(
        gettext_lazy("answer cut off"),
        gettext_lazy("The answer seems to end in the middle of a sentence."),
    ),
    "duplicate": Kind(
        gettext_lazy("duplicate"),
        gettext_lazy("Another record has the same question and the same answer."),
    ),
    "conflict": Kind(
        gettext_lazy("conflicting answers"),
        gettext_lazy("Another record answers the same question differently."),
    ),
    "near_duplicate": Kind(
        gettext_lazy("nearly the same question"),
        gettext_lazy("Another record asks nearly the same (%(similarity)s %% alike)."),
    ),
    "golden_clash": Kind(
        gettext_lazy("golden question in training"),
        gettext_lazy("The same question is golden on one side: it cannot be trained and tested."),
    ),
    "golden_near": Kind(
        gettext_lazy("nearly a golden question"),
        gettext_lazy(
            "Nearly the same question (%(similarity)s %% alike) is golden on one side: what is "
            "trained and what is tested should be further apart."
        ),
    ),
}
LANGUAGES: "Final[Mapping[str, _StrPromise]]" = {
    "zh": gettext_lazy("Chinese"),
    "en": gettext_lazy("English"),
}
MERGEABLE: Final = frozenset({"duplicate", "near_duplicate"})


def kind_name(code: str) -> str:
    """What a filter calls that kind."""
    return str(KINDS[code].name) if code in KINDS else code


def finding_sentence(finding: "Finding") -> str:
    """What is wrong, in the reader's language."""
    if finding.code not in KINDS:
        return finding.code  # of a version that knew more
    params = {
        name: LANGUAGES.get(value, value) if isinstance(value, str) else value
        for name, value in finding.params.items()
    }
    sentence = str(KINDS[finding.code].sentence)
    return sentence % params if "%(" in sentence else sentence


def field_name(finding: "Finding") -> str:
    """What the form calls the field."""
    return str(getattr(Record._meta.get_field(finding.field), "verbose_name", finding.field))


def found_excerpts(finding: "Finding") -> list[str]:
    """What was found, secrets masked; nothing for what cannot be shown."""
    return [text for text in finding.params.get("found", ()) if text]


def fixes_of(finding: "Finding") -> list[Fix]:
    """What can be done about it at the press of a button."""
    if finding.other_id is None:
        return [Fix.CORRECT] if finding.code in FIXABLE else []
    return [Fix.MERGE, Fix.ARCHIVE] if finding.code in MERGEABLE else [Fix.ARCHIVE]


def fix_label(finding: "Finding", fix: Fix) -> str:
    """What the button says."""
    match fix:
        case Fix.ARCHIVE:
            return _("Archive this record")
        case Fix.MERGE:
            return _("Make it a phrasing of the other")
    match finding.code:
        case "html":
            return _("Remove the HTML")
        case "invisible":
            return _("Remove the invisible characters")
        case "untrimmed":
            return _("Trim")
        case "language_wrong":
            written = LANGUAGES.get(str(finding.params.get("written")), "")
            return _("Set the language to %(language)s") % {"language": written}
    mask = MASKS[finding.code][finding.record.language]
    return _("Replace by %(mask)s") % {"mask": mask}
