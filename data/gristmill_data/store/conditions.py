"""What a filter asks of a row, in SQL over the live table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill_data.store.queue import Filters

DIRECT = 8
_COLUMNS = {
    "status": "queue_status",
    "kind": "kind",
    "generator": "generator",
    "uri": "uri",
    "judge_reason": "reason",
    "ids": "example_id",
}
_SAME_PROMPT = """
    SELECT x.id FROM examples x, (FROM examples WHERE id = $prompt LIMIT 1) p
    WHERE x.generator = p.generator AND x.generator_version = p.generator_version
      AND x.generator_args IS NOT DISTINCT FROM p.generator_args
"""
# What others said of a row that still waits is nobody's to know before their own word.
_TAGS = """
    (list_has_any(r.tags, $tags) AND (r.queue_status <> 'pending' OR list_contains(r.reviewers, $viewer)))
"""
_SPECIAL = {
    "model": "list_has_any(r.models, $model)",
    "label": "list_has_any(r.labels, $label)",
    "tags": _TAGS,
    "search": "r.place IN (SELECT place FROM gm_live.hits WHERE search = $search)",
}


def conditions(filters: Filters, *, score: str) -> tuple[str, dict[str, Any]]:
    """What ``filters`` ask of the row ``r``, and the parameters; ``score`` is the expression of the score
    asked for.

    ``$search`` is the number of a search (:meth:`gristmill_data.store.live_texts.LiveTexts.search`), which
    the caller puts in the place of the text.
    """
    parts, values = ["true" if filters.stale else "NOT r.stale"], dict[str, Any]()
    for name in (*_COLUMNS, "model", "label", "tags"):
        if wanted := getattr(filters, name):
            if name in _SPECIAL:
                parts.append(_SPECIAL[name])
                values[name] = list(wanted)
                values |= {"viewer": filters.viewer} if name == "tags" else {}
            else:
                parts.append(_among(f"r.{_COLUMNS[name]}", name, wanted, values))
    if filters.reviewer:
        parts.append("list_contains(r.reviewers, $reviewer)")
        values["reviewer"] = filters.reviewer
    for name, sign in (("min_score", ">="), ("max_score", "<=")):
        if (bound := getattr(filters, name)) is not None:
            parts.append(f"{score} {sign} ${name}")
            values[name] = bound
    if filters.since is not None:
        parts.append("(r.created >= $since OR r.reviewed >= $since)")
        values["since"] = filters.since
    if filters.prompt:
        parts.append(f"r.example_id IN ({_SAME_PROMPT})")
        values["prompt"] = filters.prompt
    if filters.search.strip():
        parts.append(_SPECIAL["search"])
        values["search"] = filters.search.strip()
    return " AND ".join(parts), values


def _among(column: str, name: str, wanted: Sequence[str], values: dict[str, Any]) -> str:
    """Whether a column is one of these; a few are compared directly, which is five times as fast as a
    join."""
    if len(wanted) > DIRECT:
        values[name] = list(wanted)
        return f"{column} IN (SELECT unnest(${name}))"
    named = {f"{name}_{number}": value for number, value in enumerate(wanted)}
    values |= named
    return f"{column} IN ({', '.join(f'${key}' for key in named)})"


def like(text: str) -> str:
    """A pattern for ``text`` anywhere, with every sign taken literally."""
    for sign in "\\%_":
        text = text.replace(sign, f"\\{sign}")
    return f"%{text}%"
