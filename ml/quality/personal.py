"""Personal data: telephone numbers, identity and bank cards, accounts, e-mail addresses."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from stdnum import iban, luhn
from stdnum.cn import ric

from ml.formats import RecordFields
from ml.quality.findings import Finding, Severity, in_texts, prose

Places = Iterator[tuple[int, int]]

# Not inside a word, a longer number, an address or a file name. Chinese letters may stand beside.
_BEFORE: Final = r"(?<![0-9A-Za-z_/=.#&%-])"
_AFTER: Final = r"(?![0-9A-Za-z_]|[.-]\d)"

_CHINESE_MOBILE: Final = re.compile(
    r"(?<![0-9A-Za-z_/=.#&%])(?:(?:\+|00)86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}" + _AFTER
)
_INTERNATIONAL: Final = re.compile(
    r"(?<![0-9A-Za-z_/=+])\+(?!86[- ]?1[3-9])[1-9]\d{0,2}(?:[-. ]?\(?\d{1,5}\)?){2,6}" + _AFTER
)
_NORTH_AMERICAN: Final = re.compile(
    _BEFORE + r"(?![48]00)(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-.])[2-9]\d{2}[-.]\d{4}" + _AFTER
)
_LANDLINE: Final = re.compile(
    _BEFORE + r"(?:\(0\d{2,3}\) ?|（0\d{2,3}）|0\d{2,3}-)[2-9]\d{6,7}" + _AFTER
)
_SERVICE: Final = re.compile(_BEFORE + r"(?:400|800)[- ]?\d{3,4}[- ]?\d{3,4}" + _AFTER)
_IDENTITY: Final = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])")
_CARD: Final = re.compile(_BEFORE + r"\d(?:[- ]?\d){12,18}" + _AFTER)
_IBAN: Final = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}")
_EMAIL: Final = re.compile(
    r"(?<![0-9A-Za-z._%+/:-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})"
    r"(?![0-9A-Za-z-])"
)
# Domains that nobody owns (RFC 2606), and what people write for “somebody's address”.
_NOBODYS: Final = re.compile(
    r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost)$", re.IGNORECASE
)
_SHARED: Final = re.compile(
    r"(?:info|hr|it|support|service|help|helpdesk|contact|office|admin|sales|press|jobs|careers?"
    r"|finance|legal|privacy|security|feedback|no-?reply|kefu|zhaopin|hello|mail|team|postmaster"
    r"|webmaster|billing|marketing|compliance|ethics|reception|travel|expenses?|payroll|benefits)"
    r"(?:[._-]?\w{0,12})?",
    re.IGNORECASE,
)
# Which lengths the numbers of each network have (their beginnings: ISO/IEC 7812).
_NETWORKS: Final = (
    (re.compile(r"62"), range(16, 20)),
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|2[2-7]"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|65|64[4-9]"), (16,)),
    (re.compile(r"35"), (16,)),
)
# Numbers that the networks publish for trying out.
_TEST_CARDS: Final = frozenset(
    {
        "4111111111111111",
        "4242424242424242",
        "4012888888881881",
        "4000000000000002",
        "5555555555554444",
        "5105105105105100",
        "378282246310005",
        "371449635398431",
        "6011111111111117",
        "3530111333300000",
    }
)


def phones(text: str) -> Places:
    """Mobile numbers of China and numbers of other countries."""
    plain = prose(text)
    for match in _CHINESE_MOBILE.finditer(plain):
        yield match.span()
    for match in _INTERNATIONAL.finditer(plain):
        if 8 <= sum(c.isdigit() for c in match[0]) <= 15:
            yield match.span()
    for match in _NORTH_AMERICAN.finditer(plain):
        if not re.search(r"555[-.]01\d\d$", match[0]):  # kept free for fiction
            yield match.span()


def landlines(text: str) -> Places:
    """Telephones of an office, and numbers of a service: seldom anybody's own."""
    plain = prose(text)
    for pattern in (_LANDLINE, _SERVICE):
        for match in pattern.finditer(plain):
            yield match.span()


def identity_cards(text: str) -> Places:
    """Chinese identity numbers, by birthday, place and check digit."""
    for match in _IDENTITY.finditer(prose(text)):
        if ric.is_valid(match[0]):
            yield match.span()


def bank_cards(text: str) -> Places:
    """Numbers with a network's beginning, a length that it has and the right check digit."""
    for match in _CARD.finditer(prose(text)):
        number = re.sub(r"\D", "", match[0])
        known = any(b.match(number) and len(number) in lengths for b, lengths in _NETWORKS)
        if (
            known
            and number not in _TEST_CARDS
            and luhn.is_valid(number)
            and not ric.is_valid(number)
        ):
            yield match.span()


def ibans(text: str) -> Places:
    """International bank account numbers, by country, length and check digits."""
    for match in _IBAN.finditer(prose(text)):
        candidate = match[0]
        # Words in capitals may follow.
        while len(candidate) >= 15:
            if iban.is_valid(candidate):
                yield match.start(), match.start() + len(candidate)
                break
            candidate = candidate[:-1].rstrip()


def _addresses(text: str, *, shared: bool) -> Places:
    for match in _EMAIL.finditer(prose(text)):
        name = match[0].partition("@")[0]
        if not _NOBODYS.search(match[1]) and bool(_SHARED.fullmatch(name)) == shared:
            yield match.span()


def emails(text: str) -> Places:
    """Somebody's own address."""
    return _addresses(text, shared=False)


def mailboxes(text: str) -> Places:
    """Addresses of a department, such as hr@."""
    return _addresses(text, shared=True)


def masked_number(text: str) -> str:
    """The beginning and the end of a number, stars between."""
    kept = 3 if len(text) >= 10 else 1
    return f"{text[:kept]}{'*' * 4}{text[-2:]}"


def masked_address(text: str) -> str:
    """The first letter of a name, and the domain."""
    name, _at, domain = text.partition("@")
    return f"{name[:1]}***@{domain}"


KINDS: Final[tuple[tuple[str, Severity, Callable[[str], Places], Callable[[str], str]], ...]] = (
    ("identity_card", Severity.ERROR, identity_cards, masked_number),
    ("bank_card", Severity.ERROR, bank_cards, masked_number),
    ("iban", Severity.ERROR, ibans, masked_number),
    ("phone", Severity.WARNING, phones, masked_number),
    ("landline", Severity.INFO, landlines, str),
    ("email", Severity.WARNING, emails, masked_address),
    ("mailbox", Severity.INFO, mailboxes, str),
)


def check(content: RecordFields) -> Iterator[Finding]:
    """Everything personal, in every text of the record."""
    for code, severity, places, shown in KINDS:
        yield from in_texts(content, code, severity, places, shown=shown)
