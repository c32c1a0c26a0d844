"""What a button can put right in a record's texts; everything else is for people."""

import html as entities
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from ml.formats import RecordFields
from ml.quality import characters, credentials, language, leftovers, personal
from ml.quality.findings import texts

Places = Callable[[str], Iterable[tuple[int, int]]]

# What stands where something personal or secret stood, in the record's language.
MASKS: Final[Mapping[str, Mapping[str, str]]] = {
    "identity_card": {"zh": "[身份证号]", "en": "[id card]"},
    "bank_card": {"zh": "[银行卡号]", "en": "[bank card]"},
    "iban": {"zh": "[银行账号]", "en": "[bank account]"},
    "phone": {"zh": "[电话]", "en": "[phone]"},
    "landline": {"zh": "[电话]", "en": "[phone]"},
    "email": {"zh": "[邮箱]", "en": "[e-mail]"},
    "mailbox": {"zh": "[邮箱]", "en": "[e-mail]"},
    "private_key": {"zh": "[私钥]", "en": "[private key]"},
    "api_key": {"zh": "[密钥]", "en": "[key]"},
    "password": {"zh": "[密码]", "en": "[password]"},
}
_PLACES: Final[Mapping[str, Places]] = {
    **{code: places for code, _severity, places, _shown in personal.KINDS},
    **{code: places for code, places, _shown in credentials.KINDS},
    "invisible": characters.invisible,
    "html": leftovers.html,
}
FIXABLE: Final = frozenset({*MASKS, "html", "invisible", "untrimmed", "language_wrong"})
_BREAK: Final = re.compile(r"<(?:br\s*/?|/(?:p|div|li|tr|h[1-6]|blockquote))\s*>", re.IGNORECASE)
_UNSEEN: Final = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)


def fixed(content: RecordFields, *, code: str, field: str) -> RecordFields:
    """``content`` with everything of that kind put right in that field.

    Raises:
        ValueError: no button can put this right.
    """
    if code not in FIXABLE:
        raise ValueError(f"{code} cannot be put right by itself")
    if code == "language_wrong":
        written = language.written_in(f"{content.instruction}\n{content.input}")
        return replace(content, language=written or content.language)

    def put_right(text: str) -> str:
        return _fixed_text(text, code, content.language)

    match field:
        case "phrasings":
            wordings = (put_right(text) for text in content.phrasings)
            return replace(content, phrasings=tuple(dict.fromkeys(filter(None, wordings))))
        case "history":
            turns = tuple((put_right(asked), put_right(said)) for asked, said in content.history)
            return replace(content, history=turns)
        case "instruction":
            return replace(content, instruction=put_right(content.instruction))
        case "input":
            return replace(content, input=put_right(content.input))
        case "output":
            return replace(content, output=put_right(content.output))
        case "system":
            return replace(content, system=put_right(content.system))
    raise ValueError(f"{field} is no text of a record")


def _fixed_text(text: str, code: str, written: str) -> str:
    match code:
        case "untrimmed":
            return text.strip()
        case "html":
            return _without_html(text)
        case "invisible":
            return _replaced(text, characters.invisible(text), lambda _found: "")
    mask = MASKS[code][written]
    return _replaced(text, _PLACES[code](text), lambda _found: mask)


def _replaced(text: str, places: Iterable[tuple[int, int]], by: Callable[[str], str]) -> str:
    end = len(text)
    parts: list[str] = []
    for start, stop in sorted(places, reverse=True):
        if stop <= end:  # what overlaps is gone already
            parts += [text[stop:end], by(text[start:stop])]
            end = start
    return "".join([text[:end], *reversed(parts)])


def _without_html(text: str) -> str:
    """Without tags, entities as the characters that they mean, code as it is."""

    def by(found: str) -> str:
        if found.startswith("&"):
            return entities.unescape(found).replace("\xa0", " ")
        return "\n" if _BREAK.fullmatch(found) else ""

    unseen = ((m.start(), m.end()) for m in _UNSEEN.finditer(text))
    text = _replaced(text, unseen, lambda _found: "")
    plain = _replaced(text, leftovers.html(text), by)
    return re.sub(r"\n{3,}", "\n\n", plain).strip() or text


def masked_everywhere(content: RecordFields, text: str) -> str:
    """``text`` of that record, fit to be shown beside a finding: nothing personal or secret."""
    for code in MASKS:
        if code not in ("landline", "mailbox"):
            text = _fixed_text(text, code, content.language)
    return text


def fields_of(content: RecordFields) -> frozenset[str]:
    """The fields that hold any text."""
    return frozenset(name for name, _text in texts(content))
