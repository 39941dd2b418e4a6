"""Telling a model what was wrong with a row that it is to write again."""

from __future__ import annotations

from gristmill.registry import Again

TURNED_DOWN = """

REJECTED was made of this passage before, and a reviewer turned it down{why}. Do it again without that
fault; what was right about it may stay."""

SAID = ": REVIEW is what the reviewer found wrong"

OTHERS = " Ask nothing that EXISTING asks already."


def told(again: Again | None, *, asks: bool = False) -> tuple[str, dict[str, str]]:
    """What to add to a task, and the blocks it speaks of; nothing when nothing was rejected.

    With ``asks`` the task makes questions, and those of the other rows of the passage are named.
    """
    if again is None:
        return "", {}
    review = "\n".join(part for part in (again.reason, again.note) if part)
    blocks = {"REJECTED": _shown(again)}
    text = TURNED_DOWN.format(why=SAID if review else "")
    if review:
        blocks["REVIEW"] = review
    if asks and again.others:
        blocks["EXISTING"] = "\n".join(f"- {question}" for question in taken(again))
        text += OTHERS
    return text, blocks


def taken(again: Again | None) -> list[str]:
    """Questions of the other rows of the passage."""
    return [] if again is None else list(dict.fromkeys(other.instruction for other in again.others))


def _shown(again: Again) -> str:
    example = again.example
    if example.rejected is None:
        return f"{example.instruction}\n\n{example.response}"
    return f"{example.instruction}\n\nbetter: {example.response}\n\nworse: {example.rejected}"
