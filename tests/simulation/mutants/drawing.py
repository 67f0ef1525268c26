"""Which mutants there are, which of them the seed draws, and how one lives in the running product for a while.

A mutant changes the code of one live function in memory, wherever that function has been imported to; no file is
touched.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from tests.parsing import parsed
from tests.simulation.mutants.operators import OPERATORS

ROOT = Path(__file__).resolve().parents[3]

Place = tuple[ast.AST, str, int | None]
"""The node above, its field, and the index where that field is a list."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """The `number`-th change of this file. `function` is the outermost one that holds it."""

    file: str
    number: int
    line: int
    function: str
    operator: str
    what: str

    @property
    def name(self) -> str:
        """Without its line, so that it is called the same when another line of the file is changed."""
        return f"{self.function}: {self.operator.replace('_', ' ')}, {self.what}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.name}"


def mutants_of(file: str) -> list[Mutant]:
    return [mutant for mutant, _, _ in _changes(file)]


def drawn(files: Sequence[str], count: int, seed: str) -> list[Mutant]:
    """The first ones of a shuffled list of all, whatever they are. A change of one function moves no other one."""
    every = [mutant for file in files for mutant in mutants_of(file)]
    return sorted(every, key=lambda mutant: _rank(mutant, seed))[:count]


def _rank(mutant: Mutant, seed: str) -> bytes:
    return hashlib.sha256(f"{seed} {mutant.file} {mutant.name}".encode()).digest()


@contextmanager
def alive(mutant: Mutant) -> Iterator[None]:
    """The product with this change in it."""
    function, code = _function(mutant), _mutated(mutant)
    before = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = before


@cache
def _tree(file: str) -> ast.Module:
    return parsed(ROOT / file)


@cache
def _changes(file: str) -> list[tuple[Mutant, ast.AST, Place]]:
    """Each change, the node that stands there instead, and where."""
    found: list[tuple[Mutant, ast.AST, Place]] = []
    for function, name in _functions(_tree(file)):
        for node, place in _nodes(function):
            if _asks_above(node):
                continue
            for operator in OPERATORS:
                for what, instead in operator(node):
                    line = getattr(node, "lineno", None) or getattr(place[0], "lineno", function.lineno)
                    said = " ".join(what.split())
                    found.append((Mutant(file, len(found), line, name, operator.__name__, said), instead, place))
    return found


def _asks_above(node: ast.AST) -> bool:
    """A function that calls its class's elder keeps the call: without it, it no longer fits into its class."""
    return isinstance(node, ast.stmt) and any(isinstance(each, ast.Name) and each.id == "super"
                                              for each in ast.walk(node))  # fmt: skip


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """The outermost ones, of the module and of its classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, node.name
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield inner, f"{node.name}.{inner.name}"


def _nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[ast.AST, Place]]:
    """What is in its body; what stands in its head is worked out once, when the file is read, and cannot change."""
    pending: list[tuple[ast.AST, Place]] = [(each, (function, "body", at)) for at, each in enumerate(function.body)]
    while pending:
        node, place = pending.pop(0)
        yield node, place
        for field, value in ast.iter_fields(node):
            if isinstance(node, ast.AnnAssign) and field == "annotation":
                continue
            if isinstance(value, ast.AST):
                pending.append((value, (node, field, None)))
            elif isinstance(value, list):
                pending += [(each, (node, field, at)) for at, each in enumerate(value) if isinstance(each, ast.AST)]


def _mutated(mutant: Mutant) -> CodeType:
    """The code of the function with the change in it; the tree is afterwards what it was."""
    _, instead, place = _changes(mutant.file)[mutant.number]
    before = _exchange(place, instead)
    try:
        module = compile(ast.fix_missing_locations(_tree(mutant.file)), str(ROOT / mutant.file), "exec")
    finally:
        _exchange(place, before)
    return next(code for code in _codes(module) if code.co_qualname == mutant.function)


def _exchange(place: Place, instead: ast.AST) -> ast.AST:
    """Puts this there, and answers what was there before."""
    parent, field, at = place
    if at is None:
        before = getattr(parent, field)
        setattr(parent, field, instead)
        return before
    row = getattr(parent, field)
    before, row[at] = row[at], instead
    return before


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _function(mutant: Mutant) -> FunctionType:
    """The live function itself, under whatever wraps it."""
    place: Any = importlib.import_module(mutant.file.removesuffix(".py").replace("/", "."))
    for name in mutant.function.split("."):
        place = inspect.getattr_static(place, name)
    place = place.fget if isinstance(place, property) else place
    return inspect.unwrap(getattr(place, "__func__", place))
