"""The classic ways to get a line of code slightly wrong, each over the syntax tree of one function.

An operator is asked about one node and answers with what might stand there instead; nothing is changed in place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

Mutation = tuple[str, ast.AST]
"""What is wrong, in words, and the node that stands there instead."""

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
OTHERWISE = {"max": "min", "min": "max", "any": "all", "all": "any"}
GUARDS = ("still", "fence", "read", "upto", "since", "where", "over", "order", "limit")
"""Keywords of an append or a pick without which it asks for less than it should."""


def negated_condition(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield f"not ({ast.unparse(node.test)})", _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.comprehension):
        for at, condition in enumerate(node.ifs):
            others = [*node.ifs[:at], ast.UnaryOp(ast.Not(), condition), *node.ifs[at + 1 :]]
            yield f"not ({ast.unparse(condition)})", _with(node, ifs=others)
    if isinstance(node, ast.match_case) and node.guard is not None:
        yield f"case not ({ast.unparse(node.guard)})", _with(node, guard=ast.UnaryOp(ast.Not(), node.guard))


def swapped_comparison(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        swapped = _with(node, ops=[COMPARED[type(node.ops[0])]()])
        yield ast.unparse(swapped), swapped


def swapped_and_or(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.BoolOp):
        swapped = _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        yield ast.unparse(swapped), swapped


def off_by_one(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield f"{node.value + 1} for {node.value}", ast.Constant(node.value + 1)


def plus_for_minus(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.BinOp) and type(node.op) in COUNTED:
        swapped = _with(node, op=COUNTED[type(node.op)]())
        yield ast.unparse(swapped), swapped


def the_other_end(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OTHERWISE:
        swapped = _with(node, func=ast.Name(OTHERWISE[node.func.id], ast.Load()))
        yield ast.unparse(swapped), swapped


def without_a_guard(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg in GUARDS:
                left = [each for each in node.keywords if each is not keyword]
                yield f"without {keyword.arg}=", _with(node, keywords=left)


def dropped_statement(node: ast.AST) -> Iterator[Mutation]:
    """A call whose answer nobody keeps, or a change of something that is there already. A line less in the journal is
    none: it changes nothing that anybody decides by."""
    if isinstance(node, ast.Expr) and ast.unparse(node).startswith("log."):
        return
    changes = isinstance(node, ast.AugAssign | ast.Raise | ast.Delete | ast.Continue | ast.Break)
    sets = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
    says = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield)
    if changes or sets or says:
        yield f"without {ast.unparse(node)}", ast.Pass()


def nothing_returned(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.Return) and node.value is not None and not _is_empty(node.value):
        empty = ast.List([], ast.Load()) if isinstance(node.value, ast.List) else ast.Constant(None)
        yield f"return {ast.unparse(empty)}", ast.Return(empty)


def left_early(node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.Match):
        yield f"return before {ast.unparse(node).partition(chr(10))[0]}", ast.Return(None)


OPERATORS: tuple[Callable[[ast.AST], Iterator[Mutation]], ...] = (
    negated_condition, swapped_comparison, swapped_and_or, off_by_one, plus_for_minus, the_other_end, without_a_guard,
    dropped_statement, nothing_returned, left_early,
)  # fmt: skip


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.List | ast.Constant) and not getattr(value, "elts", None) and not getattr(
        value, "value", None)  # fmt: skip


def _with(node: ast.AST, **changed: object) -> ast.AST:
    """The same node with these parts changed."""
    kept = {name: value for name, value in ast.iter_fields(node)}
    return ast.copy_location(type(node)(**{**kept, **changed}), node)
