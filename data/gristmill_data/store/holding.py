"""Choosing the documents of a benchmark, by family, and entering them as held out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gristmill.errors import UsageError
from gristmill.records import content_id
from gristmill_data.store.access import operation
from gristmill_data.store.families import Families, families
from gristmill_data.store.holdouts import TABLES, Entry, Made, exported, held_for, hold, made, mark

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

DEFAULT: Mapping[str, Any] = {"share": 0.2}
NAMED = 10
"""Documents that are named of those which cannot be taken."""

_HAVING_ROWS = """
    SELECT DISTINCT c.document_id FROM (
        SELECT unnest(e.chunk_ids) AS chunk_id FROM rows_ r JOIN examples e ON e.id = r.example_id
        WHERE NOT r.stale AND e.kind <> 'preference'
            AND 'accepted' = CASE $rows WHEN 'reviewed' THEN r.review ELSE r.status END
    ) JOIN chunks c ON c.id = chunk_id
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """How documents are to be chosen: one of ``share`` (of the families), ``documents`` (how many), ``uris``.

    ``seed`` orders the families; ``rows`` (reviewed or accepted) are what the benchmark will be made of.
    """

    share: float | None = None
    documents: int | None = None
    uris: tuple[str, ...] = ()
    seed: int = 0
    rows: str = "reviewed"

    @property
    def reason(self) -> str:
        """Why a document was chosen."""
        if self.uris:
            return f"named: {', '.join(self.uris)}"
        what = f"{self.documents} documents" if self.documents is not None else f"share {self.share:g}"
        return f"drawn: {what}, seed {self.seed}"

    @property
    def settings(self) -> dict[str, Any]:
        """As it is entered, to be used again when nothing else is asked for."""
        return {"share": self.share, "documents": self.documents, "uris": list(self.uris), "seed": self.seed}


@operation("holdout_choice")
def holdout_choice(
    store: Store,
    name: str,
    share: float | None = None,
    documents: int | None = None,
    uris: Sequence[str] = (),
    seed: int | None = None,
    rows: str = "reviewed",
) -> dict[str, Any]:
    """The documents that the benchmark ``name`` would hold out; :func:`hold_out` enters them.

    Families of which rows were exported before are not taken. Documents that the benchmark has already
    stay in it; without a wish they are chosen as they were last time, else a share of 0.2.

    Returns ``documents`` ({id: {"uri", "family"}}), ``families`` (how many), ``new`` ({id: [uri, why]} of
    those that it has not held out before), ``exported`` (how many documents and families cannot be taken
    because rows of them were exported, and up to ten of them), ``largest`` (documents of the largest
    family), ``canary``, ``settings``, and ``since``, which is for :func:`hold_out`.

    Raises:
        UsageError: more than one way of choosing, or a number that makes no sense.
    """
    since = [mark(store, table) for table in TABLES]
    before = made(store, name)
    wish = _wish(before, share, documents, uris, seed, rows)
    known, gone, held = families(store), exported(store), held_for(store, name)
    barred = {known.key[document] for document in gone if document in known.key}
    mine = {known.key[document] for document in held if document in known.key}
    chosen, lost = _chosen(store, known, wish, mine, barred)
    taken = {document: key for key in sorted((mine | chosen) - barred) for document in known.members[key]}
    return {
        "documents": {one: {"uri": known.uri[one], "family": key} for one, key in taken.items()},
        "families": len(set(taken.values())),
        "new": {one: [known.uri[one], _why(known, one, wish)] for one in taken if one not in held},
        "exported": _exported(known, lost | (mine & barred), gone),
        "largest": max((len(members) for members in known.members.values()), default=0),
        "canary": before.canary if before else str(uuid4()),
        "settings": wish.settings,
        "since": since,
    }


@operation("hold_out")
def hold_out(
    store: Store,
    name: str,
    canary: str,
    settings: Mapping[str, Any],
    new: Mapping[str, Sequence[str]],
    since: Sequence[int],
    author: str = "",
    note: str = "",
) -> int:
    """Enter what :func:`holdout_choice` chose: from now on no export takes these documents; how many.

    Raises:
        StoreConflictError: rows were exported, or documents held out, since they were chosen.
    """
    reasons = {document: (uri, why) for document, (uri, why) in new.items()}
    hold(
        store,
        Made(name, canary, settings),
        reasons,
        Entry(author, note, dict(zip(TABLES, since, strict=True))),
    )
    return len(reasons)


def _wish(
    before: Made | None,
    share: float | None,
    documents: int | None,
    uris: Sequence[str],
    seed: int | None,
    rows: str,
) -> Wish:
    told = dict(before.settings) if before else {}
    if sum((share is not None, documents is not None, bool(uris))) > 1:
        raise UsageError("more than one way of choosing documents", cure="one of --share, --documents, --uri")
    if share is None and documents is None and not uris:
        old = told or DEFAULT
        share, documents, uris = old.get("share"), old.get("documents"), old.get("uris") or ()
    if share is not None and not 0 < share <= 1:
        raise UsageError(f"no share of the documents: {share:g}", cure="above 0, at most 1")
    if documents is not None and documents < 1:
        raise UsageError(f"no number of documents: {documents}", cure="at least 1")
    return Wish(share, documents, tuple(uris), int(told.get("seed", 0) if seed is None else seed), rows)


def _chosen(
    store: Store, known: Families, wish: Wish, mine: set[str], barred: set[str]
) -> tuple[set[str], set[str]]:
    """Keys of the families that the wish is for: those that can be had, and those that were exported."""
    if wish.documents is None:
        wanted = {key for key in known.members if _wanted(known, key, wish)}
        return wanted - barred, wanted & barred
    with_rows = {document for (document,) in store.rows(_HAVING_ROWS, {"rows": wish.rows})}
    useful = {known.key[document] for document in with_rows if document in known.key}
    order = sorted(useful - barred - mine, key=lambda key: drawn(key, wish.seed))
    return _up_to(known, order, wish.documents - _names(known, mine - barred)), useful & barred


def _wanted(known: Families, key: str, wish: Wish) -> bool:
    if wish.uris:
        return any(_named(known.uri[document], wish.uris) for document in known.members[key])
    return drawn(key, wish.seed) < (wish.share or 0)


def drawn(key: str, seed: int) -> float:
    """A number in [0, 1) for a family, always the same for the same seed."""
    return int(content_id("holdout", seed, key)[:13], 16) / 16**13


def _up_to(known: Families, order: Iterable[str], missing: int) -> set[str]:
    found: set[str] = set()
    for key in order:
        if missing <= 0:
            break
        found.add(key)
        missing -= _names(known, [key])
    return found


def _names(known: Families, keys: Iterable[str]) -> int:
    """How many documents that is, versions of one document being one."""
    return len({known.uri[document] for key in keys for document in known.members[key]})


def _named(uri: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(uri, pattern) for pattern in patterns)


def _why(known: Families, document: str, wish: Wish) -> str:
    uri, key = known.uri[document], known.key[document]
    if _named(uri, wish.uris) if wish.uris else uri == key:
        return wish.reason
    return f"one text with {'another' if uri == key else key}, {wish.reason}"


def _exported(known: Families, lost: Collection[str], gone: Mapping[str, str]) -> dict[str, Any]:
    documents = [document for key in sorted(lost) for document in known.members[key]]
    some = {known.uri[one]: gone[one] for one in documents if one in gone}
    return {
        "families": len(lost),
        "documents": len(documents),
        "examples": [{"uri": uri, "path": path} for uri, path in list(some.items())[:NAMED]],
    }


@operation("benchmark_rows")
def benchmark_rows(store: Store, out: str, documents: Sequence[str], chunks: bool = False) -> dict[str, int]:
    """Write rows to the absolute path ``out``, a JSON object a line; the number of lines by ``side``.

    ``side`` is ``held`` (any document of the row is among ``documents``; rows of every status, with the
    texts of their chunks if those are wanted) or ``training`` (an accepted row of which no document is held
    out for any benchmark). ``example`` is the row as it reads now, ``documents`` and ``sources`` are where
    it comes from, ``status`` is reviewed, accepted, rejected, disputed, failed or stale.
    """
    from gristmill_data.exports.sides import write_sides

    return write_sides(store, out, frozenset(documents), chunks)


@operation("benchmark_canary")
def benchmark_canary(store: Store, name: str) -> str:
    """The canary of the benchmark ``name``; empty when none of that name was made."""
    before = made(store, name)
    return before.canary if before else ""
