"""Expressions of templates, evaluated exactly: whole numbers and decimals as fractions, nothing else runs.

``+ - * / // %``, a whole power up to 12, comparisons, ``and or not``, and ``min max abs floor ceil``.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from gristmill.errors import UsageError

Value = Fraction | bool
MOST_CHARS, MOST_POWER, MOST_BITS = 300, 12, 2_000
CURE = "numbers, names of variables, + - * / // % **, comparisons, and or not, min max abs floor ceil"

_BINARY: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CALLS: Mapping[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
}


class ExpressionError(UsageError):
    """An expression that cannot be evaluated; ``cure`` says what there is."""


def evaluate(expression: str, values: Mapping[str, Fraction]) -> Fraction:
    """The number that ``expression`` comes to.

    Raises:
        ExpressionError: not an expression of the kind above, an unknown name, a division by zero.
    """
    found = _run(expression, values)
    if isinstance(found, bool):
        raise ExpressionError("true or false where a number is needed", where=expression, cure=CURE)
    return found


def holds(condition: str, values: Mapping[str, Fraction]) -> bool:
    """Whether ``condition`` holds.

    Raises:
        ExpressionError: see :func:`evaluate`; a number where a comparison is needed.
    """
    found = _run(condition, values)
    if not isinstance(found, bool):
        raise ExpressionError("a number where a comparison is needed", where=condition, cure=CURE)
    return found


def names_in(expression: str) -> set[str]:
    """The variables of an expression.

    Raises:
        ExpressionError: it cannot be read.
    """
    nodes = ast.walk(_parsed(expression))
    return {node.id for node in nodes if isinstance(node, ast.Name)} - _CALLS.keys()


def _run(expression: str, values: Mapping[str, Fraction]) -> Value:
    try:
        return _value(_parsed(expression), values)
    except ExpressionError as error:
        error.where = error.where or expression
        raise
    except ZeroDivisionError as error:
        raise ExpressionError("division by zero", where=expression, cure=CURE) from error


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> ast.expr:
    if len(expression) > MOST_CHARS:
        raise ExpressionError(f"longer than {MOST_CHARS} characters", where=expression[:40], cure=CURE)
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"not an expression: {error}", where=expression, cure=CURE) from error


def _value(node: ast.expr, values: Mapping[str, Fraction]) -> Value:
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return Fraction(str(node.value))
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_number(inner, values)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _truth(inner, values)
        case ast.BoolOp(op=op, values=parts):
            found = [_truth(part, values) for part in parts]
            return all(found) if isinstance(op, ast.And) else any(found)
        case ast.BinOp(left=left, op=op, right=right):
            return _calculated(op, _number(left, values), _number(right, values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compared([left, *others], ops, values)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CALLS and args:
            return _called(name, [_number(one, values) for one in args])
        case ast.Name(id=name):
            raise ExpressionError(f"there is no variable {name!r}", cure=f"known: {', '.join(values)}")
    raise ExpressionError(f"{type(node).__name__} is not allowed", cure=CURE)


def _number(node: ast.expr, values: Mapping[str, Fraction]) -> Fraction:
    found = _value(node, values)
    if isinstance(found, bool):
        raise ExpressionError("true or false where a number is needed", cure=CURE)
    return found


def _truth(node: ast.expr, values: Mapping[str, Fraction]) -> bool:
    found = _value(node, values)
    if not isinstance(found, bool):
        raise ExpressionError("a number where a comparison is needed", cure=CURE)
    return found


def _calculated(op: ast.operator, left: Fraction, right: Fraction) -> Fraction:
    if isinstance(op, ast.Pow):
        if right.denominator != 1 or abs(right) > MOST_POWER:
            raise ExpressionError(f"a power must be whole, at most {MOST_POWER}", cure=CURE)
        found = left ** int(right)
    elif type(op) in _BINARY:
        found = _BINARY[type(op)](left, right)
    else:
        raise ExpressionError(f"{type(op).__name__} is not allowed", cure=CURE)
    if max(found.numerator.bit_length(), found.denominator.bit_length()) > MOST_BITS:
        raise ExpressionError("the number is too large", cure=CURE)
    return Fraction(found)


def _compared(parts: list[ast.expr], ops: list[ast.cmpop], values: Mapping[str, Fraction]) -> bool:
    numbers = [_number(part, values) for part in parts]
    for op, left, right in zip(ops, numbers[:-1], numbers[1:], strict=True):
        if type(op) not in _COMPARE:
            raise ExpressionError(f"{type(op).__name__} is not allowed", cure=CURE)
        if not _COMPARE[type(op)](left, right):
            return False
    return True


def _called(name: str, numbers: list[Fraction]) -> Fraction:
    if name in {"abs", "floor", "ceil"} and len(numbers) != 1:
        raise ExpressionError(f"{name} takes one number", cure=CURE)
    return Fraction(_CALLS[name](*numbers) if name not in {"min", "max"} else _CALLS[name](numbers))
