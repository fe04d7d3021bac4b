"""Small changes of a function that a test should notice, one at a time.

A mutant is a change of one node of the syntax tree within a function. What only speaks (messages, log lines, asserts,
docstrings) is left alone; constants of modules and defaults of classes are bound before a mutant could be put in.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
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
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
SILENT = {"logger", "metrics", "logging"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Mutant:
    """``function``: its qualified name; ``number``: of the changes that can be made in it, in order."""

    path: str
    function: str
    number: int
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}: {self.before}  ->  {self.after}"

    @property
    def name(self) -> str:
        """The same after lines have moved."""
        return f"{self.path} {self.function}: {self.before} -> {self.after}"


Change = Callable[[], None]


def functions_of(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Functions of a module and methods of its classes, by qualified name; what is nested in them belongs to them."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function):
                    yield f"{node.name}.{inner.name}", inner


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """Every mutant of a file."""
    found: list[Mutant] = []
    for name, function in functions_of(ast.parse(path.read_text())):
        for number in range(len(_changes(function))):
            shown, change = _changes(copy.deepcopy(function))[number]
            line, before = getattr(shown, "lineno", function.lineno), _text(shown)
            change()
            found.append(Mutant(str(path.relative_to(root)), name, number, line, before, _text(shown)))
    return found


def code_of(mutant: Mutant, root: Path) -> CodeType:
    """The compiled function with the change made.

    Raises:
        LookupError: the file is not the one that the mutant was made of.
    """
    path = root / mutant.path
    tree = ast.parse(path.read_text())
    function = next(node for name, node in functions_of(tree) if name == mutant.function)
    for number, (_, change) in enumerate(_changes(function)):
        if number == mutant.number:
            change()
            break
    module = compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
    return _nested(module, mutant.function)


def _nested(code: CodeType, qualified: str) -> CodeType:
    for part in qualified.split("."):
        # of several with one name (a property and its setter) the first, as in the tree
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == part)
    return code


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 160 else text[:157] + "..."


def _changes(function: Function) -> list[tuple[ast.AST, Change]]:
    """Every change, in the order of the source; the node that it is shown by, and what makes it."""
    return [(shown, change) for node, shown in _spoken_of(function) for change in _changes_of(node)]


def _spoken_of(function: Function) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Nodes of a function's body that do something, each with what it is shown by: of a constant what it is part of."""
    waiting: list[tuple[ast.AST, ast.AST]] = [(node, node) for node in reversed(function.body)]
    while waiting:
        node, parent = waiting.pop()
        if _only_speaks(node):
            continue
        yield node, parent if isinstance(node, ast.Constant) else node
        waiting += [(child, node) for child in reversed(_children(node))]


def _children(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
            return list(body)
        case ast.AnnAssign(value=value):
            return [] if value is None else [value]
        case ast.Raise() | ast.JoinedStr():
            return []
        case _:
            return list(ast.iter_child_nodes(node))


def _only_speaks(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom):
        return True
    if not isinstance(node, ast.Expr):
        return False
    value = node.value
    if isinstance(value, ast.Constant):
        return True
    root: ast.AST = value
    while isinstance(root, ast.Call | ast.Attribute | ast.Await):
        root = root.func if isinstance(root, ast.Call) else root.value
    return isinstance(root, ast.Name) and root.id in SILENT


def _changes_of(node: ast.AST) -> list[Change]:
    return _of_operators(node) or _of_values(node)


def _of_operators(node: ast.AST) -> list[Change]:
    match node:
        case ast.Compare(ops=[operator]):
            return [_set(node, "ops", [other()]) for other in COMPARED[type(operator)]]
        case ast.BoolOp(op=operator):
            return [_set(node, "op", ast.Or() if isinstance(operator, ast.And) else ast.And())]
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in COMPUTED:
            return [_set(node, "op", COMPUTED[type(operator)]())]
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            return [_become(node, operand)]
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            return [_set(node, "test", ast.UnaryOp(ast.Not(), test))]
        case _:
            return []


def _of_values(node: ast.AST) -> list[Change]:
    match node:
        case ast.Constant(value=bool() as value):
            return [_set(node, "value", not value)]
        case ast.Constant(value=int() as value):
            return [_set(node, "value", value + 1)]
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            return [_set(node, "func", ast.Name(CALLED[name], ast.Load()))]
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            return [_set(node, "value", ast.Constant(None))]
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.Continue() | ast.Break():
            return [_become(node, ast.Pass())]
        case _:
            return []


def _set(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


def _become(node: ast.AST, other: ast.AST) -> Change:
    """Let a node be another in its place: the parent keeps pointing to it."""

    def change() -> None:
        place = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
        node.__class__ = type(other)
        node.__dict__.clear()
        node.__dict__.update(other.__dict__ | place)

    return change
