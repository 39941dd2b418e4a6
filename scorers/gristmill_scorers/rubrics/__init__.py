"""Rubrics that come with the package. Each function gives the YAML text of one."""

from __future__ import annotations

from importlib.resources import files


def answer() -> str:
    """Is the response a grounded, complete, clear answer to its question?"""
    return _text("answer")


def preference() -> str:
    """Is the preferred response of a pair good enough to be preferred?"""
    return _text("preference")


def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
