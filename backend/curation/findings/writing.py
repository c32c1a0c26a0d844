"""Checking records and storing what is found, for one that was just saved and for thousands.

Nobody waits for anybody here: a record that somebody else is changing is passed over, and what
could not be settled with it stays due for the worker's next sweep.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import Q

from backend.common.copying import copy_insert
from backend.curation.content import content_of
from backend.curation.findings import pairs
from backend.curation.findings.summary import summarise
from backend.curation.lengths import length_limits, limits_fingerprint
from backend.curation.models import Finding, Record
from ml.quality import VERSION, check

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from ml.formats import RecordFields
    from ml.quality import LengthLimits

    # record, code, field, other record
    Key = tuple[uuid.UUID, str, str, uuid.UUID | None]
    Pair = tuple[uuid.UUID, uuid.UUID]

# With how many others a record has findings of one kind, as far as its own check goes.
PER_KIND: Final = 10

CHECKED_COLUMNS: Final = (*pairs.COMPARED_COLUMNS, "near_keys")


@dataclass(frozen=True)
class Checks:
    """What records are checked with at the moment."""

    limits: "LengthLimits | None"
    fingerprint: str

    @classmethod
    def now(cls) -> "Checks":
        limits = length_limits()
        return cls(limits, f"{VERSION}:{limits_fingerprint(limits)}")


@dataclass
class Outcome:
    """What became of the records to be checked."""

    checked: "set[uuid.UUID]" = field(default_factory=set)
    left: "set[uuid.UUID]" = field(default_factory=set)  # somebody else is at them: still due


def findings_refresh(records: "Sequence[Record]") -> None:
    """Check records that the caller has just written, in the caller's transaction.

    They become due: what somebody else writes at this very moment cannot be seen from here, and the
    worker looks once more after the commit.
    """
    _store(_own_findings(records, Checks.now()), settled_by=None)


def records_check(ids: "Sequence[uuid.UUID]", checks: Checks) -> Outcome:
    """Check those records and mark them as checked; each is passed over that somebody changes."""
    due = list(Record.objects.filter(pk__in=ids).only(*CHECKED_COLUMNS))
    with_findings = _own_findings(due, checks)  # takes the longest, and holds nothing
    with transaction.atomic():
        return _store(with_findings, settled_by=checks)


def _own_findings(
    records: "Sequence[Record]", checks: Checks
) -> "list[tuple[Record, list[Finding]]]":
    """What each record has by itself."""
    answer = []
    for record in records:
        content = content_of(record)
        found = [
            Finding(
                record_id=record.pk,
                code=each.code,
                severity=int(each.severity),
                field=each.field,
                params=dict(each.params),
                revision=record.revision,
                fingerprint=field_fingerprint(content, each.field),
            )
            for each in check(content, limits=checks.limits)
        ]
        answer.append((record, found))
    return answer


def field_fingerprint(content: "RecordFields", name: str) -> str:
    """Of what stands in a field; a finding about the language looks at the question, too."""
    seen = [getattr(content, name)]
    if name == "language":
        seen += [content.instruction, content.input]
    return hashlib.sha256(json.dumps(seen, ensure_ascii=False).encode()).hexdigest()[:32]


def _store(found: "list[tuple[Record, list[Finding]]]", settled_by: Checks | None) -> Outcome:
    """Write what was found by itself and between records, and what it says together."""
    outcome = Outcome()
    held = _hold({record.pk: record for record, _own in found})
    outcome.left = {record.pk for record, _own in found} - held
    found = [(record, own) for record, own in found if record.pk in held]
    if not found:
        return outcome
    between = _between([record for record, _own in found])
    outcome.left |= between.unsettled
    outcome.checked = held - between.unsettled
    wanted: dict[Key, Finding] = {}
    for finding in (*(each for _record, own in found for each in own), *between.findings):
        wanted[_key(finding)] = finding
    _replace(wanted, held, between.partners)
    if settled_by is None:
        summarise(held | between.partners, due=held)
    else:
        summarise(held | between.partners, done=outcome.checked, checks=settled_by.fingerprint)
    return outcome


def _hold(seen: "dict[uuid.UUID, Record]") -> "set[uuid.UUID]":
    """Lock those records; without those that are locked, gone, or no longer as they were seen."""
    rows = (
        Record.objects.filter(pk__in=list(seen))
        .order_by("pk")
        .select_for_update(skip_locked=True, no_key=True)
        .values_list("pk", "revision", "status")
    )
    return {pk for pk, revision, status in rows if _as_seen(seen[pk], revision, status)}


def _as_seen(record: Record, revision: int, status: str) -> bool:
    return (record.revision, record.status) == (revision, status)


@dataclass
class Between:
    """What records have with others, once for each side."""

    findings: list[Finding] = field(default_factory=list)
    partners: "set[uuid.UUID]" = field(default_factory=set)  # held; their findings change as well
    unsettled: "set[uuid.UUID]" = field(default_factory=set)  # a partner is in other hands


def _between(records: "list[Record]") -> Between:
    ids = [record.pk for record in records]
    known = Finding.objects.filter(record_id__in=ids, other__isnull=False)
    before = set(known.values_list("record_id", "other_id"))
    maybe = before | pairs.candidates(
        [record for record in records if record.status != Record.Status.ARCHIVED]
    )
    own = {record.pk: pairs.Side.of(record) for record in records}
    sides = pairs.sides({other for _one, other in maybe} - own.keys()) | own
    relations = {
        (one, other): pairs.relation(sides[one], sides[other])
        for one, other in maybe
        if other in sides
    }
    answer = Between()
    concerned = _bounded(relations, before)
    others = {other for _one, other in concerned} - own.keys()
    answer.partners = _hold({pk: sides[pk].record for pk in others})
    for one, other in concerned:
        if other not in answer.partners and other not in own:
            answer.unsettled.add(one)
        elif found := relations[one, other]:
            answer.findings += _both_ways(found, sides[one], sides[other])
    return answer


def _bounded(relations: "dict[Pair, pairs.Relation | None]", before: "set[Pair]") -> "set[Pair]":
    """Everything that was stored already, and of what is new, not a whole crowd for each record."""
    concerned = before & relations.keys()
    kinds = ((pair, relations[pair]) for pair in concerned)
    known = Counter((one, found.code) for (one, _other), found in kinds if found)
    for pair in sorted(relations.keys() - before):
        found = relations[pair]
        if found and known[pair[0], found.code] < PER_KIND:
            known[pair[0], found.code] += 1
            concerned.add(pair)
    return concerned


def _both_ways(found: pairs.Relation, one: pairs.Side, other: pairs.Side) -> list[Finding]:
    fingerprint = pairs.pair_fingerprint(one, other)
    return [
        Finding(
            record_id=side.record.pk,
            code=found.code,
            severity=int(found.severity),
            field=found.field,
            params=found.params,
            other_id=partner.record.pk,
            revision=side.record.revision,
            fingerprint=fingerprint,
        )
        for side, partner in ((one, other), (other, one))
    ]


def _replace(
    wanted: "dict[Key, Finding]", held: "set[uuid.UUID]", partners: "set[uuid.UUID]"
) -> None:
    """Make the stored findings of the held records those that are wanted, and keep what stays.

    What a held record has with one that is in other hands is left as it is.
    """
    settled = [*held, *partners]
    among = Q(record__in=held, other=None) | Q(record__in=held, other__in=settled)
    among |= Q(record__in=list(partners), other__in=list(held))
    stale = []
    for stored in Finding.objects.filter(among):
        new = wanted.get(_key(stored))
        if new is None:
            stale.append(stored.pk)
        elif _says_the_same(stored, new):
            del wanted[_key(stored)]
        else:
            stale.append(stored.pk)
            if stored.fingerprint == new.fingerprint:
                new.ignored_by_id, new.ignored_at = stored.ignored_by_id, stored.ignored_at
    if stale:
        Finding.objects.filter(pk__in=stale).delete()
    if wanted:
        copy_insert(Finding, wanted.values())


def _key(finding: Finding) -> "Key":
    return finding.record_id, finding.code, finding.field, finding.other_id


def _says_the_same(stored: Finding, new: Finding) -> bool:
    return (stored.severity, stored.params, stored.fingerprint) == (
        new.severity,
        new.params,
        new.fingerprint,
    )
