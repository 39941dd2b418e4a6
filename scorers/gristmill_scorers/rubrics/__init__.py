"""Rubrics that come with the package. Each function gives the YAML text of one."""

from __future__ import annotations

from importlib.resources import files


def answer() -> str:
    """Is the response a grounded, complete, clear answer to its question?"""
    return _text("answer")


def preference() -> str:
    """Is the preferred response of a pair good enough to be preferred?"""
    return _text("preference")


def answer_quality() -> str:
    """Answer quality, in grades: how correct, complete, relevant and clear is the response?"""
    return _text("answer_quality")


def grounded() -> str:
    """Groundedness: is every claim, figure and limit of the response that of its source?"""
    return _text("grounded")


def instruction_clarity() -> str:
    """Instruction clarity, point by point: could somebody follow it without asking back?"""
    return _text("instruction_clarity")


def code() -> str:
    """Code: does it do the task, run as given, and open no hole?"""
    return _text("code")


def conversation() -> str:
    """Conversation: does the assistant serve every turn, remember, and stay consistent?"""
    return _text("conversation")


def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
