"""The file that names a provider to sign in with, and what its word about somebody is worth."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill_data.store.people import Role
from gristmill_ui.access import Access, origin_of

CALLBACK = "/oauth2callback"
MAX_AGE_S = 24 * 3600
"""Seconds after which somebody has to sign in again: the provider may have shut them out meanwhile."""
_NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_SHORTEST_SECRET = 32


def provided(file: Path, newcomers: Role | None) -> Access:
    """Access through the provider that the section ``[auth]`` of ``file`` names (TOML, as for Streamlit).

    Its key ``claim`` says which of the provider's claims is the author of decisions; without it, the e-mail.

    Raises:
        UsageError: the file cannot be used, or what signing in needs is not installed.
    """
    if importlib.util.find_spec("authlib") is None:
        cure = "pip install 'gristmill[oidc]'"
        raise UsageError("signing in needs the package Authlib", where="--oidc", cure=cure)
    section = _section(file)
    problem = _problem(section)
    if problem:
        raise UsageError(problem, where=str(file), cure="see docs/people.md for a complete file")
    claim = str(section.get("claim", "email"))
    url = origin_of(section["redirect_uri"])
    return Access("oidc", url, secrets=file.absolute(), claim=claim, newcomers=newcomers)


def _section(file: Path) -> Mapping[str, Any]:
    try:
        read = tomllib.loads(file.read_text("utf-8"))
        private = file.stat().st_mode & 0o007 == 0
    except OSError as error:
        problem = f"cannot read it: {error.strerror or error}"
        raise UsageError(problem, where=str(file), cure="check the path after --oidc") from error
    except ValueError as error:  # the message of a parser could quote a secret
        raise UsageError("not a TOML file", where=str(file), cure="see docs/people.md") from error
    if not private:
        raise UsageError("everybody on this machine can read it", where=str(file), cure=f"chmod 600 {file}")
    section = read.get("auth")
    return section if isinstance(section, dict) else {}


def _problem(section: Mapping[str, Any]) -> str:
    """What is wrong with the section, without a word of what it holds that is secret."""
    missing = [key for key in _NEEDED if not isinstance(section.get(key), str) or not section[key]]
    if missing:
        return f"section [auth] has no {', '.join(missing)}"
    redirect, metadata = section["redirect_uri"], section["server_metadata_url"]
    if not origin_of(redirect) or not redirect.endswith(CALLBACK):
        return f"redirect_uri must be https (or http on this machine) and end with {CALLBACK}"
    if not origin_of(metadata):
        return "server_metadata_url must be https (or http on this machine)"
    if len(section["cookie_secret"]) < _SHORTEST_SECRET:
        return f"cookie_secret is shorter than {_SHORTEST_SECRET} characters"
    return ""


def said_by_provider(claims: Mapping[str, Any], claim: str, now: float) -> tuple[str, str]:
    """(name, why there is none) from the claims of a sign-in; both empty when nobody has signed in.

    ``now`` and the claim ``iat`` are seconds since 1970.
    """
    if not claims.get("is_logged_in"):
        return "", ""
    issued, name = claims.get("iat"), claims.get(claim)
    if not isinstance(issued, int | float) or now - issued > MAX_AGE_S:
        return "", "Your sign-in is more than a day old: please sign in again."
    if not isinstance(name, str) or not name.strip():
        return "", f"Your provider did not tell your {claim}, which decisions are to carry."
    if claim == "email" and claims.get("email_verified") in (False, "false"):
        return "", "Your provider has not verified your e-mail address yet."
    return (name.strip().lower() if claim == "email" else name.strip()), ""
