"""Who reviews a dataset, and what each of them may do.

A reader sees everything and decides nothing, a reviewer decides rows, a lead has the last word on
disagreements, acts on many rows at once and says who may do what. The table is only appended to: the last
entry of a name counts, and who made it stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, get_args
from weakref import WeakKeyDictionary

from gristmill.errors import StoreError
from gristmill.records import clean
from gristmill_data.store.tables import utc

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

Role = Literal["reader", "reviewer", "lead"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the least that somebody may do to the most."""

COMMAND = "gristmill review"
"""The author of roles given on the command line; nobody can work under this name."""

_LATEST = """
    SELECT name, arg_max(role, seq) AS role, arg_max(author, seq) AS author, arg_max(time, seq) AS time
    FROM people GROUP BY name ORDER BY lower(name), name
"""


_known: WeakKeyDictionary[Store, dict[str, Role]] = WeakKeyDictionary()
"""Roles by open dataset, of those who were asked for: only the process that has it open can change them."""


class NotAllowedError(StoreError):
    """Somebody asked for what their role does not allow."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was given a role: which, by whom, and when (UTC, no offset)."""

    name: str
    role: Role
    author: str
    time: datetime


def people(store: Store) -> list[Person]:
    """Everybody who is listed, by name."""
    return [Person(*row) for row in store.rows(_LATEST)]


def listed_role(store: Store, name: str) -> Role | None:
    """The role ``name`` was given; None for a stranger."""
    role = _known.setdefault(store, {}).get(name)
    if role is None:
        with store.lock, store.cursor() as cursor:  # what is kept is not older than a change made meanwhile
            role = _listed(cursor, name)
            if role is not None:
                _known.setdefault(store, {})[name] = role
    return role


def role_of(store: Store, name: str) -> Role:
    """What ``name`` may do: the role given, and that of a reviewer for whoever is not listed."""
    return listed_role(store, name) or "reviewer"


def enter(store: Store, name: str, newcomer: Role = "reviewer", *, first_leads: bool = False) -> Role:
    """List ``name`` as ``newcomer`` unless they are listed already; the role that counts.

    With ``first_leads`` the first person of a dataset becomes its lead.

    Raises:
        StoreError: the name is empty, or reserved.
    """
    name = checked_name(name)
    with store.write() as cursor:
        known = _listed(cursor, name)
        if known is None:
            [(anybody,)] = cursor.execute("SELECT count(*) FROM people").fetchall()
            known = "lead" if first_leads and not anybody else newcomer
            _append(store, cursor, (name, known, name))
        return known


def appoint(store: Store, name: str, role: Role) -> None:
    """Give ``name`` a role in the name of whoever starts the app.

    Raises:
        StoreError: the name is empty or reserved, or there is no such role.
    """
    name = checked_name(name)
    with store.write() as cursor:
        if _listed(cursor, name) != checked_role(role):
            _append(store, cursor, (name, role, COMMAND))


def set_role(store: Store, name: str, role: Role, author: str) -> None:
    """Give ``name`` a role; only a lead may, and one lead always stays.

    Raises:
        NotAllowedError: the author is no lead.
        StoreError: the name is empty or reserved, there is no such role, or no lead would be left.
    """
    name = checked_name(name)
    with store.write() as cursor:
        require(cursor, author, "lead", "say who may do what")
        checked_role(role)
        if _leads(cursor) == [name] and role != "lead":
            cure = "make somebody else a lead first"
            raise StoreError(f"{name} is the only lead of this dataset", where=name, cure=cure)
        if _listed(cursor, name) != role:
            _append(store, cursor, (name, role, author))


def require(cursor: Connection, name: str, role: Role, what: str) -> None:
    """Refuse ``what`` (as in "to accept a row") to anybody below ``role``.

    Strangers count as reviewers: whom the app lets in is decided where they come in.

    Raises:
        NotAllowedError: ``name`` is below ``role``.
    """
    has = _listed(cursor, clean(name).strip()) or "reviewer"
    if ROLES.index(has) < ROLES.index(role):
        raise NotAllowedError(
            f"{name} may not {what}: that needs the role {role}, and theirs is {has}",
            where=f"reviewer {name}",
            cure="ask a lead to change the role on the Team page",
        )


def checked_name(name: str) -> str:
    """``name`` as it is stored.

    Raises:
        StoreError: it is empty or reserved.
    """
    name = clean(name).strip()
    if not name or name == COMMAND:
        problem = f"nobody can work under the name {name!r}" if name else "a name is needed"
        raise StoreError(problem, where="name", cure="choose another name")
    return name


def checked_role(role: str) -> Role:
    """``role``, if there is such a one.

    Raises:
        StoreError: there is none.
    """
    if role not in ROLES:
        raise StoreError(f"unknown role {role!r}", where="role", cure=f"one of: {', '.join(ROLES)}")
    return role


def _listed(cursor: Connection, name: str) -> Role | None:
    query = "SELECT role FROM people WHERE name = ? ORDER BY seq DESC LIMIT 1"
    found = cursor.execute(query, [name]).fetchall()
    return found[0][0] if found else None


def _leads(cursor: Connection) -> list[str]:
    return [name for name, role, *_ in cursor.execute(_LATEST).fetchall() if role == "lead"]


def _append(store: Store, cursor: Connection, entry: tuple[str, Role, str]) -> None:
    """Add (name, role, author); whoever has the file open in this process reads the role anew."""
    insert = "INSERT INTO people (name, role, author, time) VALUES (?, ?, ?, ?)"
    cursor.execute(insert, [*entry, utc(datetime.now(UTC))])
    for other in [known for known in _known if known.path == store.path]:
        _known.pop(other, None)
