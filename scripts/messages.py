"""Keeps the catalogues of backend/ complete: ``python -m scripts.messages [--check]``.

Sentences are found in our Python files and templates, in those of ``ml/`` where they are marked
with ``told()``, and in those of Unfold, which brings no translations. Without ``--check`` the
Chinese catalogue gets what is new and loses what is gone, and all are compiled; with it, the exit
status says whether something is missing. The English catalogue is written by hand and holds only
what Unfold says less well. A maintainer's tool: the product needs the compiled files alone.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import django
import unfold
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "backend"
ML = ROOT / "ml"
LOCALE = BACKEND / "locale"
CHINESE = LOCALE / "zh_Hans" / "LC_MESSAGES" / "django.po"
UNFOLD = Path(unfold.__file__).parent
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "told": None,  # ml.words
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}
# Django has Chinese for these, but we mean something else.
OURS = {"View site", "Filters"}
Message = str | tuple[str, str]


def python_messages(folder: Path) -> Iterator[Message]:
    for path in files(folder, "*.py"):
        with path.open("rb") as file:
            for _line, message, _comments, _context in extract("python", file, KEYWORDS):
                yield plain(message)


def files(folder: Path, pattern: str) -> list[Path]:
    """Without migrations, and without the parts of Unfold that are not installed."""
    unused = {path for path in UNFOLD.glob("contrib/*") if path.name not in {"filters", "forms"}}
    unused.add(UNFOLD / "templates" / "unfold_crispy")
    return [
        path
        for path in sorted(folder.rglob(pattern))
        if "migrations" not in path.parts and unused.isdisjoint(path.parents)
    ]


def plain(message: object) -> Message:
    """Babel gives (singular, plural, number) where a call names the number as well."""
    return (str(message[0]), str(message[1])) if isinstance(message, tuple) else str(message)


def template_messages(folder: Path) -> Iterator[Message]:
    """What ``translate`` and ``blocktranslate`` say, read by Django's own parser."""
    from django.template import Engine, Node
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    engine = Engine.get_default()
    for path in files(folder, "*.html"):
        for node in engine.from_string(path.read_text("utf-8")).nodelist.get_nodes_by_type(Node):
            if isinstance(node, TranslateNode):
                literal = getattr(node.filter_expression.var, "literal", None)
                if isinstance(literal, str):
                    yield literal
            elif isinstance(node, BlockTranslateNode):
                singular, _variables = node.render_token_list(node.singular)
                if node.plural:
                    yield singular, node.render_token_list(node.plural)[0]
                else:
                    yield singular


def django_catalogue() -> set[str]:
    """What Django itself says in Chinese, so that we need not."""
    known: set[str] = set()
    for path in Path(django.__file__).parent.rglob("locale/zh_Hans/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            known |= {key(m.id) for m in read_po(file) if m.id and m.string}
    return known


def key(message: object) -> str:
    """The singular, under which gettext finds a message."""
    return str(message[0]) if isinstance(message, list | tuple) else str(message)


def wanted() -> dict[str, Message]:
    """Every sentence that needs a Chinese one, ours before Unfold's."""
    found: dict[str, Message] = {}
    for message in (*python_messages(BACKEND), *python_messages(ML), *template_messages(BACKEND)):
        add(found, message)
    known = django_catalogue()
    for message in (*python_messages(UNFOLD), *template_messages(UNFOLD)):
        if key(message) not in known or key(message) in OURS:
            add(found, message)
    return {name: message for name, message in found.items() if re.search(r"[^\W\d_]", name)}


def add(found: dict[str, Message], message: Message) -> None:
    """A plural form, wherever it is found, wins over the bare sentence."""
    if isinstance(message, tuple) or key(message) not in found:
        found[key(message)] = message


def catalogue(path: Path = CHINESE) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def problems() -> list[str]:
    """What keeps the catalogue from being complete, one line each."""
    present = {key(message.id): message for message in catalogue() if message.id}
    found = []
    for name, message in wanted().items():
        there = present.get(name)
        if there is None or isinstance(message, tuple) != isinstance(there.id, tuple):
            found.append(f"not in the catalogue: {name}")
        elif not (there.string[0] if isinstance(there.string, tuple) else there.string):
            found.append(f"not translated: {name}")
        elif there.fuzzy:
            found.append(f"only guessed: {name}")
        elif errors := [str(error) for error in there.check(catalogue())]:
            found.append(f"{name}: {'; '.join(errors)}")
    for path in LOCALE.rglob("*.po"):
        with path.with_suffix(".mo").open("rb") as file:
            compiled = said(read_mo(file))
        if compiled != said(catalogue(path)):
            found.append(f"{path.parts[-3]}: django.mo is not what django.po says")
    return found


def said(messages: Catalog) -> dict[str, list[str]]:
    """What a catalogue says, by what it is found under."""
    return {
        key(message.id): [message.string]
        if isinstance(message.string, str)
        else list(message.string)
        for message in messages
        if message.id and message.string
    }


def update() -> None:
    old = {key(message.id): message for message in catalogue() if message.id}
    new = Catalog(
        locale="zh_Hans",
        header_comment="# Kept complete by scripts/messages.py.",
        project="Loredesk",
        version="",
        msgid_bugs_address="",
        last_translator="",
        language_team="",
        fuzzy=False,
    )
    for name, message in wanted().items():
        before = old.get(name)
        string = before.string if before else ""
        if isinstance(message, tuple) and isinstance(string, str):
            string = (string,)
        new.add(message, string)
    # No dates: the file changes when a sentence does.
    new.creation_date = new.revision_date = catalogue().creation_date
    with CHINESE.open("wb") as file:
        write_po(file, new, width=0, no_location=True)
    for path in LOCALE.rglob("*.po"):
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue(path))


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    django.setup()
    if "--check" not in sys.argv[1:]:
        update()
    lines = problems()
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
