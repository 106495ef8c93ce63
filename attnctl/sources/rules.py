"""The expressions that a module's class declares in `rules` and `effective`, evaluated without Python's `eval`.

Planning evaluates them, and so do commands that only show a workspace, so they must not be able to do anything: a
user's class can come from somebody else's folder, and even expressions without builtins reach `os.system` through
attributes. What is listed here is allowed: hyperparameters, C, plain values, comparisons, arithmetic on numbers, and
calls of the functions below.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from attnctl.values import SpecError, comma_join

LONGEST = 500
"""Largest length of an expression in characters. Ours have up to 70."""

LARGEST = 1 << 53
"""Largest absolute value of an operand or result."""


class RuleError(SpecError):
    """An expression is not allowed, or cannot be evaluated for these values; the message quotes it."""


def divides(number: object, channels: int) -> bool:
    """Whether a whole number divides the channels; True for anything that is not a whole number."""
    return not isinstance(number, int) or (number > 0 and channels % number == 0)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "divides": divides,
    "min": min,
    "max": max,
    "gcd": math.gcd,
    "log2": math.log2,
    "isinstance": isinstance,
    "int": int,
    "str": str,
}

_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}
"""Without powers and shifts, whose results can fill the memory."""

_CONSTANTS = (bool, int, float, str, type(None))
_ALLOWED: tuple[type[ast.AST], ...] = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.BinOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List),
    *(ast.Load, ast.Name, ast.Constant, ast.Call, *_OPERATORS),
)


def check(expression: object, names: Collection[str]) -> None:
    """Raise RuleError unless the expression is allowed. names: the hyperparameters, which it may use beside C."""
    if not isinstance(expression, str):
        raise RuleError(f"{expression!r:.80} is not a text")
    known = {*names, "C", *FUNCTIONS}
    unknown = sorted({node.id for node in ast.walk(_parsed(expression)) if isinstance(node, ast.Name)} - known)
    if unknown:
        raise RuleError(f"{expression!r:.80} uses {comma_join(unknown)}, which is not a hyperparameter")


def evaluate(expression: str, values: Mapping[str, object]) -> Any:
    """The value of an expression of the values and FUNCTIONS. Raises RuleError."""
    tree = _parsed(expression)
    try:
        value = _value(tree.body, values)
    except (ArithmeticError, TypeError, ValueError, KeyError, RecursionError) as error:
        raise RuleError(f"{expression!r:.80} cannot be evaluated: {error}") from error
    if not isinstance(value, _CONSTANTS):
        raise RuleError(f"{expression!r:.80} is a {type(value).__name__} and not a plain value")
    return value


@cache
def _parsed(expression: str) -> ast.Expression:
    """The checked syntax tree, made once: a table evaluates the same rules thousands of times."""
    if len(expression) > LONGEST:
        raise RuleError(f"{expression[:40]!r}... is longer than {LONGEST} characters")
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RuleError(f"{expression!r:.80} is not an expression: {getattr(error, 'msg', error)}") from error
    for node in ast.walk(tree):
        if not _is_allowed(node):
            raise RuleError(
                f"{expression!r:.80} contains {ast.get_source_segment(expression, node)!r:.40}; it may contain only "
                f"hyperparameters, C, numbers, texts, comparisons, + - * / // %, and calls of {comma_join(FUNCTIONS)}"
            )
    return tree


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords
    if isinstance(node, ast.UnaryOp | ast.BinOp):
        return type(node.op) in _OPERATORS
    if isinstance(node, ast.Constant):
        return type(node.value) in _CONSTANTS
    return isinstance(node, _ALLOWED)


def _value(node: ast.expr, values: Mapping[str, object]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name] if name in values else FUNCTIONS[name]
        case ast.BoolOp(op=op, values=operands):
            return _first_decisive(operands, isinstance(op, ast.Or), values)
        case ast.UnaryOp(op=op, operand=operand):
            value = _value(operand, values)
            return not value if isinstance(op, ast.Not) else _OPERATORS[type(op)](_number(value))
        case ast.BinOp(left=left, op=op, right=right):
            numbers = _number(_value(left, values)), _number(_value(right, values))
            return _number(_OPERATORS[type(op)](*numbers))
        case ast.Compare():
            return _compare(node, values)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, values) else orelse, values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(_value(argument, values) for argument in arguments))
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_value(item, values) for item in items)
    raise TypeError(f"{ast.unparse(node)} is not allowed")


def _first_decisive(operands: list[ast.expr], decisive: bool, values: Mapping[str, object]) -> Any:
    """As `or` (decisive: True) and `and` (False): the first operand that decides, else the last one."""
    value: Any = None
    for operand in operands:
        value = _value(operand, values)
        if bool(value) is decisive:
            break
    return value


def _compare(node: ast.Compare, values: Mapping[str, object]) -> bool:
    """A chain of comparisons, such as 1 <= kernel <= 63."""
    left = _value(node.left, values)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, values)
        if not _OPERATORS[type(op)](left, right):
            return False
        left = right
    return True


def _number(value: object) -> int | float:
    """The value, which must be a number of ordinary size: a text times a number could fill the memory."""
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    if abs(value) > LARGEST:
        raise OverflowError("a number is too large")
    return value
