"""What was meant to be replaced: places to fill in, and the marks of a web page."""

import re
from collections.abc import Iterator
from typing import Final

from ml.formats import RecordFields
from ml.messages import PERSON_VARIABLES
from ml.quality.findings import Finding, Severity, in_texts, prose, texts

Places = Iterator[tuple[int, int]]

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}\n]{1,60}?)\s*\}\}")
_PLACEHOLDER: Final = re.compile(
    r"<[A-Z][A-Z0-9]*(?:[_ -][A-Z0-9]+)*>"
    r"|\[(?:TODO|TBD|TBC|FIXME|NAME|DATE|COMPANY|PLACEHOLDER|INSERT\b[^\]\n]{0,60}"
    r"|(?i:(?:your|insert|enter|fill in) [^\]\n]{1,60}))\]"
    r"|[\[【](?:待补充|待填写?|待定|请?填写|此处填|插入|您?的?姓名|公司名称?|日期)[^\]】\n]{0,30}[\]】]"
    r"|(?<![0-9A-Za-z])(?:TODO|FIXME|TBD)(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?:X{3,}|x{3,})(?![0-9A-Za-z.])"
    r"|×{2,}|待补充|待填写|(?i:lorem ipsum)"
)
_TAGS: Final = (
    "a|abbr|article|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|figure|font|footer|form"
    "|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|ol|option|p|pre|s"
    "|script|section|select|small|span|strong|style|sub|sup|svg|table|tbody|td|textarea|tfoot|th"
    "|thead|title|tr|u|ul|video"
)
HTML: Final = re.compile(
    rf"</?(?:{_TAGS})(?:\s[^<>]{{0,2000}})?/?>|<!--.{{0,5000}}?-->"
    r"|&(?:nbsp|lt|gt|amp|quot|apos|ldquo|rdquo|lsquo|rsquo|mdash|ndash|hellip|middot|copy"
    r"|#\d{2,6}|#x[0-9a-fA-F]{2,6});",
    re.IGNORECASE | re.DOTALL,
)


def placeholders(text: str) -> Places:
    """``{{ x }}``, ``<NAME>``, ``[TODO]``, 待补充, XXX and the like, outside code."""
    plain = prose(text)
    for pattern in (_VARIABLE, _PLACEHOLDER):
        for match in pattern.finditer(plain):
            yield match.span()


def html(text: str) -> Places:
    """Tags that pages are made of, and entities, outside code."""
    for match in HTML.finditer(prose(text)):
        yield match.span()


def check(content: RecordFields) -> Iterator[Finding]:
    """Placeholders and HTML. A system prompt may name who asks: those variables are filled."""
    everywhere = frozenset(name for name, _text in texts(content)) - {"system"}
    warning = Severity.WARNING
    yield from in_texts(content, "placeholder", warning, placeholders, fields=everywhere)
    yield from in_texts(content, "html", warning, html)
    if content.system:
        only = frozenset({"system"})
        yield from in_texts(content, "placeholder", warning, _not_of_a_person, fields=only)


def _not_of_a_person(text: str) -> Places:
    for start, end in placeholders(text):
        variable = _VARIABLE.fullmatch(text[start:end])
        if variable is None or variable[1] not in PERSON_VARIABLES:
            yield start, end
