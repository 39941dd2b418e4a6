"""The recipe's accept rule: a small expression over score names, e.g. ``answer >= 0.7 and safe > 0.5``.

Allowed: score names, numbers, comparisons, ``and``/``or``/``not``, ``+ - * /`` and parentheses. It is
parsed to a syntax tree and walked; nothing of it is ever executed as Python.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gristmill.errors import RecipeError

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class UnknownScoreError(KeyError):
    """The rule needs a score that is not there (unscored)."""


@dataclass(frozen=True, slots=True)
class AcceptRule:
    """A parsed rule. ``names`` are the scores it reads."""

    source: str
    tree: ast.expr
    names: frozenset[str]

    @classmethod
    def parse(cls, source: str) -> AcceptRule:
        """Parse a rule.

        Raises:
            RecipeError: when it is not an expression of the kind above.
        """
        try:
            tree = ast.parse(source.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError) as error:
            raise RecipeError(f"accept: cannot read {source!r}", cure=_CURE) from error
        found: set[str] = set()
        _check(tree, source, found)
        return cls(source, tree, frozenset(found))

    def without(self, absent: Collection[str]) -> AcceptRule | None:
        """The rule for a row that cannot have the scores in ``absent``; None when nothing is left of it.

        A comparison that reads such a score says nothing about the row and is left out, of ``and`` and of
        ``or``: ``pair >= .5 and answer >= .7`` asks of an instruction row that its answer be good.
        """
        if self.names.isdisjoint(absent):
            return self
        tree = _pruned(self.tree, frozenset(absent))
        if tree is None:
            return None
        source = ast.unparse(tree)
        return replace(self, source=source, tree=tree, names=_names(tree))

    def __call__(self, scores: Mapping[str, float | None]) -> bool:
        """Decide.

        Raises:
            UnknownScoreError: a score that the decision needs is missing or unscored.
        """
        try:
            return bool(_value(self.tree, scores))
        except (ZeroDivisionError, OverflowError) as error:
            raise UnknownScoreError("division by zero") from error


_CURE = 'write something like "answer >= 0.7 and groundedness >= 0.5"'


def _check(node: ast.expr, source: str, found: set[str]) -> None:
    match node:
        case ast.Name():
            found.add(node.id)
        case ast.Constant(value=bool()) | ast.Constant(value=int()) | ast.Constant(value=float()):
            pass
        case ast.BoolOp():
            for value in node.values:
                _check(value, source, found)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            _check(node.operand, source, found)
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            _check(node.left, source, found)
            _check(node.right, source, found)
        case ast.Compare() if all(type(op) in _COMPARE for op in node.ops):
            for value in (node.left, *node.comparators):
                _check(value, source, found)
        case _:
            raise RecipeError(f"accept: {ast.unparse(node)!r} is not allowed in {source!r}", cure=_CURE)


def _pruned(node: ast.expr, absent: frozenset[str]) -> ast.expr | None:
    """What is left of a part of a rule; None: nothing."""
    match node:
        case ast.BoolOp():
            parts = [left for value in node.values if (left := _pruned(value, absent)) is not None]
            if len(parts) < 2:
                return parts[0] if parts else None
            return ast.BoolOp(node.op, parts)
        case ast.UnaryOp(op=ast.Not()):
            inner = _pruned(node.operand, absent)
            return None if inner is None else ast.UnaryOp(node.op, inner)
    return node if _names(node).isdisjoint(absent) else None


def _names(node: ast.expr) -> frozenset[str]:
    return frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def _value(node: ast.expr, scores: Mapping[str, float | None]) -> Any:
    match node:
        case ast.Name():
            value = scores.get(node.id)
            if value is None:
                raise UnknownScoreError(node.id)
            return value
        case ast.Constant():
            return node.value
        case ast.BoolOp():
            parts = (_value(value, scores) for value in node.values)
            return all(parts) if isinstance(node.op, ast.And) else any(parts)
        case ast.UnaryOp():
            inner = _value(node.operand, scores)
            return (not inner) if isinstance(node.op, ast.Not) else -inner
        case ast.BinOp():
            return _ARITHMETIC[type(node.op)](_value(node.left, scores), _value(node.right, scores))
        case ast.Compare():
            return _compare(node, scores)
    raise AssertionError(f"unchecked node {node!r}")


def _compare(node: ast.Compare, scores: Mapping[str, float | None]) -> bool:
    left = _value(node.left, scores)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, scores)
        if not _COMPARE[type(op)](left, right):
            return False
        left = right
    return True
