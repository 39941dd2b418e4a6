"""Saved views: a question under a name, with a link that shows it to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gristmill_data.store import Store
from gristmill_data.store.views_saved import SavedView, saved_view, saved_views
from gristmill_ui.services.addresses import Params

PAGE = "page"
"""Beside the filters, which page a view is for."""


def views_for(store: Store, viewer: str, page: str) -> list[SavedView]:
    """The views of one page that ``viewer`` may choose from: their own and those that are shared."""
    return [view for view in saved_views(store, viewer) if page_of(view) == page]


def page_of(view: SavedView) -> str:
    """The page a view was saved on."""
    return str(view.params.get(PAGE, "browse"))


def question_of(view: SavedView) -> Params:
    """What a view asks, as an address would."""
    return {name: list(values) for name, values in view.params.items() if name != PAGE}


def params_of(question: Params, page: str) -> Mapping[str, Sequence[str] | str]:
    """What is kept of a question."""
    return {**question, PAGE: page}


def opened(store: Store, view_id: str) -> tuple[Params, str]:
    """What the view of a link asks; or nothing, and why."""
    view = saved_view(store, view_id)
    if view is None:
        return {}, "The view of this link was removed, or never existed: all rows are shown instead."
    return question_of(view) or {"status": ["any"]}, ""


def title(view: SavedView, viewer: str) -> str:
    """The name of a view as the list shows it."""
    if view.author != viewer:
        return f"{view.name} · by {view.author}"
    return f"{view.name} · shared" if view.shared else view.name
