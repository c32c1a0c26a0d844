"""JSON objects whose keys are the names that people and other programs have for our fields."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

from ml.formats.conversations import is_conversation
from ml.formats.tables import FIELDS, MAX_COLUMNS, NEEDED, cell_value, is_nameable, mapped_columns

# So many objects are asked for their keys, before the reading begins.
ASKED: Final = 20
TEXTS: Final = frozenset({"phrasings", "tags"})


def alpaca_object(row: Mapping[str, object], chosen: Mapping[str, str]) -> dict[str, object]:
    """The object with our names for its keys; what no key means is left as it is.

    A value whose form does not suit the field is taken only where a person has chosen the key.

    Args:
        row: one object of a file.
        chosen: key -> field, see ``ReadingOptions.columns``.
    """
    fields = mapping_of(row, chosen)
    named: dict[str, object] = {name: row[name] for name in row if name not in FIELDS}
    for key, field in fields.items():
        value = row[key]
        if key == field:
            named[field] = value
        elif isinstance(value, str):
            named[field] = cell_value(field, value)
        elif key in chosen or (field in TEXTS and _are_texts(value)):
            named[field] = value
    return named


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def mapping_of(keys: Iterable[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Key -> field of those that are read.

    A field's own name comes before what others call it, and an object that has question and answer
    under their own names is one of ours: what else it holds means nothing unless it is chosen.
    """
    kept = tuple(key for key in keys if is_nameable(key))
    own = [key for key in kept if key in FIELDS]
    is_ours = "output" in own and not {"instruction", "input"}.isdisjoint(own)
    others = [key for key in kept if key not in FIELDS and (key in chosen or not is_ours)]
    return _fields((*own, *others)[:MAX_COLUMNS], tuple(chosen.items()))


@lru_cache(maxsize=64)
def _fields(keys: tuple[str, ...], chosen: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {keys[place]: field for place, field in mapped_columns(keys, dict(chosen)).items()}


def keys_of(rows: Iterable[tuple[int, object]]) -> Iterator[str]:
    """The keys of a file's first objects, each once; of conversations none."""
    seen: set[str] = set()
    for _number, row in islice(rows, ASKED):
        if isinstance(row, dict) and not is_conversation(row):
            for key in row:
                if key not in seen and len(seen) < MAX_COLUMNS and is_nameable(key):
                    seen.add(key)
                    yield key


def is_row(value: object, chosen: Mapping[str, str]) -> bool:
    """Whether a file's only value is one question with its answer, or looks meant so."""
    if not isinstance(value, dict):
        return False
    named = set(mapping_of(value, chosen).values()) >= NEEDED or not NEEDED.isdisjoint(value)
    return named or is_conversation(value)
