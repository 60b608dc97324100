"""One fault at a time: which there are in a file, and its code with one of them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_OTHERS: Final[dict[type, tuple[type, ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
_NAMES: Final = {"max": "min", "min": "max", "any": "all", "all": "any", "BUY": "SELL", "SELL": "BUY"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in one line of a file."""

    line: int
    what: str
    code: str


def faults(file: Path) -> Iterator[Fault]:
    """Yield the file's code with each fault in turn. Annotations, docstrings and what only says are left alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    places = list(_judging(tree))
    for at, node in enumerate(places):
        for change in range(_changes(node)):
            copied = copy.deepcopy(tree)
            found = list(_judging(copied))[at]
            what = _change(found, change)
            if what:
                yield Fault(getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(copied)))


def _judging(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that decide something, in a fixed order."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "decorator_list", "bases"} or isinstance(tree, ast.JoinedStr):
            continue
        if isinstance(tree, ast.keyword) and tree.arg == "strict":
            continue  # says that two sequences are of one length, and decides nothing where they are
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from _judging(node)


def _changes(node: ast.AST) -> int:
    if isinstance(node, ast.Compare):
        return len(_OTHERS.get(type(node.ops[0]), ())) if len(node.ops) == 1 else 2
    if isinstance(node, ast.BinOp | ast.BoolOp):
        return len(_OTHERS.get(type(node.op), ()))
    if isinstance(node, ast.If | ast.IfExp | ast.Name | ast.Attribute | ast.UnaryOp | ast.Constant):
        return 1
    return 0


def _change(node: Any, change: int) -> str:
    """Plant the fault in the node; return what it is, or nothing where there is none."""
    before = ast.unparse(node).splitlines()[0]
    if isinstance(node, ast.Compare):
        at = 0 if len(node.ops) == 1 else change
        others = _OTHERS.get(type(node.ops[at]), ())
        if not others:
            return ""
        node.ops[at] = others[change if len(node.ops) == 1 else 0]()
    elif isinstance(node, ast.BinOp) and isinstance(node.right, ast.Attribute) and node.right.attr == "sign":
        return ""  # a sign is +1 or -1: to multiply by it and to divide by it are the same
    elif isinstance(node, ast.BinOp | ast.BoolOp):
        node.op = _OTHERS[type(node.op)][change]()
    elif isinstance(node, ast.If | ast.IfExp):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Name | ast.Attribute):
        field = "id" if isinstance(node, ast.Name) else "attr"
        other = _NAMES.get(getattr(node, field))
        if other is None:
            return ""
        setattr(node, field, other)
    elif isinstance(node, ast.UnaryOp):
        if not isinstance(node.op, ast.Not | ast.USub):
            return ""
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else node.op
        if isinstance(node.op, ast.Not):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node.value, int):
        node.value += 1
    else:
        return ""
    return f"{before}  ->  {ast.unparse(node).splitlines()[0]}"
