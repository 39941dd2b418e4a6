"""The contamination page: matches with benchmark items side by side, and whether their labels are right."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any, cast

import streamlit as st

from gristmill_data.store.matches import MatchFilters, match_facets
from gristmill_ui import session
from gristmill_ui.services import matches
from gristmill_ui.services.matches import MatchDesk

NOTHING = (
    '<div class="gm-empty"><h2>No matches</h2><p>{}</p></div>',
    "No row of this dataset looks like a benchmark item, or the recipe has no contamination gate.",
    "Change the filters above to see others.",
)


def render() -> None:
    """Draw the page."""
    desk = _desk()
    facets = match_facets(desk.store, _band())
    _controls(desk, facets)
    rows = desk.load()
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.html(matches.told(facets))
    if desk.receipt:
        right.html(f'<div class="gm-receipt">✓ {escape(desk.receipt)}</div>')
    if desk.message:
        st.html(f'<div class="gm-message" role="alert">{escape(desk.message)}</div>')
    for row in rows:
        _match(desk, row)
    if not rows:
        frame, none, filtered = NOTHING
        st.html(frame.format(filtered if facets["total"] else none))
    _footer(desk, facets["verdicts"])


def _band() -> tuple[float, float]:
    from gristmill_evals.contamination.decision import UNCERTAIN

    return UNCERTAIN


def _desk() -> MatchDesk:
    desk = cast("MatchDesk | None", st.session_state.get("gm_matches"))
    if desk is None or desk.reviewer != session.reviewer():
        desk = st.session_state["gm_matches"] = MatchDesk(session.store(), session.reviewer())
    return desk


def _controls(desk: MatchDesk, facets: dict[str, Any]) -> None:
    benchmark, label, uncertain, unseen = st.columns([3, 3, 1.6, 1.8], vertical_alignment="center")

    def several(column: Any, name: str) -> tuple[str, ...]:
        options = [value for value, _ in facets[name]]
        chosen = column.multiselect(
            name.capitalize(), options, key=f"gm_match_{name}", placeholder=f"Any {name}",
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        return tuple(chosen)

    low, high = _band()
    doubtful = uncertain.toggle(
        "Uncertain only", key="gm_match_uncertain", persist_state="session",
        help=f"Probability from {low:g} to {high:g}, the most doubtful first: your word helps most there.",
    )  # fmt: skip
    mine = unseen.toggle("Not judged by me", key="gm_match_unseen", persist_state="session")
    desk.refilter(
        MatchFilters(
            several(benchmark, "benchmark"),
            several(label, "label"),
            (low, high) if doubtful else None,
            desk.reviewer if mine else "",
        )
    )


def _match(desk: MatchDesk, row: dict[str, Any]) -> None:
    name = desk.ids[matches.key_of(row)]
    with st.container(border=True):
        head, buttons = st.columns([3, 2], vertical_alignment="center")
        head.html(matches.headline(row))
        with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
            for said, word in ((True, "Right"), (False, "Wrong"), (None, "Take back")):
                if said is None and row["mine"] is None:
                    continue
                st.button(
                    word, key=f"{word}_{name}", on_click=_judge, args=(desk, name, row, said),
                    type="primary" if said is not None and row["mine"] is said else "secondary",
                    help=f"Is {row['label']!r} the right label of this pair?",
                )  # fmt: skip
        ours, theirs = st.columns(2, gap="small")
        ours.html(matches.row_side(row))
        theirs.html(matches.item_side(row))


def _judge(desk: MatchDesk, verdict_id: str, row: dict[str, Any], is_right: bool | None) -> None:
    desk.judge(verdict_id, row, is_right)


def _footer(desk: MatchDesk, verdicts: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Previous", key="gm_match_back", on_click=desk.back, disabled=desk.page == 1, shortcut="p")
        st.button("Next", key="gm_match_forward", on_click=desk.forward, disabled=not desk.more, shortcut="n")
        st.download_button(
            "Verdicts as JSONL", data=partial(matches.export, desk.store), file_name="verdicts.jsonl",
            mime="application/jsonl", disabled=not verdicts, on_click="ignore", key="gm_match_export",
        )  # fmt: skip
        st.html(f'<div class="gm-meta">Page {desk.page} · {len(desk.rows)} matches</div>', width="content")
