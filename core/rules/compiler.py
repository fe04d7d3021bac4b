"""Turns a rule into straight Python for one bar: traced once, then run without a frame in between.

A rule is arithmetic on features. Calling it with a ``BarFrame`` spends most of its time in method calls; here it is
called once with a ``Trace`` that records what it does, and the record is written out as a function of plain floats.
The operations and their order are the rule's own, so the numbers are the same to the bit.

``docs/rule-compiler.md`` shows a rule and the function written for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from core.rules.frames import NAN, Condition, Frame, LookaheadError, Row, Value
from core.rules.labels import code_of

# expressions nest no deeper than this before they get a name, far from the parser's own limit
DEPTH_MAX = 12
Compiled: TypeAlias = Callable[[Sequence[Row]], Any]


class UntraceableError(TypeError):
    """The rule looks at other symbols or timeframes, or branches on a value: it runs on frames only."""


class Node:
    """A value or condition in the record of a rule."""

    __slots__ = ("args", "depth", "kind", "trace", "uses")
    # a node is the same object whenever it is the same expression, see ``Trace.node``
    __hash__ = object.__hash__

    def __init__(self, trace: Trace, kind: str, args: tuple[Any, ...]) -> None:
        self.trace = trace
        self.kind = kind
        self.args = args
        self.uses = 0
        self.depth: int = 1 + max((argument.depth for argument in args if isinstance(argument, Node)), default=0)

    def __bool__(self) -> bool:
        raise UntraceableError("a rule may not branch on a value; use frame.where")

    def _with(self, kind: str, other: Any, *, swapped: bool = False) -> Node:
        pair = (other, self) if swapped else (self, other)
        return self.trace.node(kind, *pair)

    def __add__(self, other: Any) -> Node:
        return self._with("+", other)

    def __radd__(self, other: Any) -> Node:
        return self._with("+", other, swapped=True)

    def __sub__(self, other: Any) -> Node:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Node:
        return self._with("-", other, swapped=True)

    def __mul__(self, other: Any) -> Node:
        return self._with("*", other)

    def __rmul__(self, other: Any) -> Node:
        return self._with("*", other, swapped=True)

    def __truediv__(self, other: Any) -> Node:
        return self._with("/", other)

    def __rtruediv__(self, other: Any) -> Node:
        return self._with("/", other, swapped=True)

    def __neg__(self) -> Node:
        return self.trace.node("negative", self)

    def __and__(self, other: Any) -> Node:
        return self._with("and", other)

    def __rand__(self, other: Any) -> Node:
        return self._with("and", other, swapped=True)

    def __or__(self, other: Any) -> Node:
        return self._with("or", other)

    def __ror__(self, other: Any) -> Node:
        return self._with("or", other, swapped=True)

    def __lt__(self, other: Any) -> Node:
        return self._with("<", other)

    def __le__(self, other: Any) -> Node:
        return self._with("<=", other)

    def __gt__(self, other: Any) -> Node:
        return self._with(">", other)

    def __ge__(self, other: Any) -> Node:
        return self._with(">=", other)

    def __eq__(self, other: object) -> Node:  # type: ignore[override]
        return self._with("==", other)

    def __ne__(self, other: object) -> Node:  # type: ignore[override]
        return self._with("!=", other)


class Trace:
    """A frame that answers with records of what was asked."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}
        self._bound: dict[str, Value] = {}

    @property
    def symbol(self) -> str:
        raise UntraceableError("the rule depends on the symbol")

    @property
    def timeframe(self) -> str:
        raise UntraceableError("the rule depends on the timeframe")

    def bind(self, name: str, value: Value) -> None:
        """From now on this feature of the current bar is the recorded value, not one to be read."""
        self._bound[name] = value

    def node(self, kind: str, *args: Any) -> Node:
        """The node of an expression, always the same one for the same expression."""
        key = (kind, *(id(argument) if isinstance(argument, Node) else repr(argument) for argument in args))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Node(self, kind, args)
        return found

    def __getitem__(self, name: str) -> Value:
        return self._bound[name] if name in self._bound else self.node("load", name, 0)

    def prev(self, name: str, bars: int = 1) -> Value:
        if bars < 0:
            raise LookaheadError(name, bars)
        return self[name] if bars == 0 else self.node("load", name, bars)

    def label(self, name: str, text: str) -> Condition:
        return self[name] == code_of(name, text)

    def higher(self, timeframe: str) -> Frame:
        raise UntraceableError("the rule reads other timeframes")

    def peer(self, symbol: str) -> Frame:
        raise UntraceableError("the rule reads other symbols")

    @property
    def peers(self) -> Sequence[str]:
        raise UntraceableError("the rule reads other symbols")

    def constant(self, value: float) -> Value:
        return self.node("constant", value)

    def where(self, condition: Condition, yes: Value, no: Value) -> Value:
        return self.node("where", condition, yes, no)

    def maximum(self, left: Value, right: Value) -> Value:
        return self.node("maximum", left, right)

    def minimum(self, left: Value, right: Value) -> Value:
        return self.node("minimum", left, right)

    def absolute(self, value: Value) -> Value:
        return self.node("absolute", value)

    def root(self, value: Value) -> Value:
        return self.node("root", value)

    def divide(self, numerator: Value, denominator: Value) -> Value:
        return self.node("divide", numerator, denominator)

    def no(self, condition: Condition) -> Condition:
        return self.node("no", condition)

    def known(self, *values: Value) -> Condition:
        return self.node("known", *values)


# kinds whose template names an argument more than once, so that it must be a plain name
_REPEATS = frozenset({"maximum", "minimum", "divide", "known", "root"})
_TEMPLATES = {
    "negative": "(-{0})",
    "no": "(not {0})",
    "absolute": "abs({0})",
    "where": "({1} if {0} else {2})",
    "divide": "({0} / {1} if {1} else NAN)",
    "maximum": "(NAN if {0} != {0} or {1} != {1} else {0} if {0} >= {1} else {1})",
    "minimum": "(NAN if {0} != {0} or {1} != {1} else {0} if {0} <= {1} else {1})",
    "root": "(sqrt({0}) if {0} >= 0 else NAN)",
}


# the same against a number that is known: an unknown value compares false and stays
_BOUNDED = {
    "maximum": "({1} if {0} < {1} else {0})",
    "minimum": "({1} if {0} > {1} else {0})",
}
_CONDITIONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "and", "or", "no", "known"})


def _share_of_condition(node: Node) -> tuple[float, Node] | None:
    """``weight * condition`` is one of two numbers; choosing costs less than multiplying."""
    if node.kind != "*":
        return None
    number, condition = node.args
    if isinstance(number, (int, float)) and isinstance(condition, Node) and condition.kind in _CONDITIONS:
        return (float(number), condition) if 0.0 <= number < float("inf") else None
    return None


class Writer:
    """Writes the function: shared and deep expressions get a name, the others stand where they are used."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        self._ages: set[int] = set()

    def count(self, value: Any) -> None:
        if isinstance(value, Node):
            value.uses += 1
            if value.uses == 1:
                for argument in value.args:
                    self.count(argument)

    def name(self, node: Node, name: str) -> None:
        """From now on the node is known by this name."""
        self._names[id(node)] = name

    def text(self, value: Any, *, plain: bool = False) -> str:
        """The expression of a value; ``plain`` asks for a name or a literal."""
        if not isinstance(value, Node):
            return _literal(value)
        name = self._names.get(id(value))
        if name is not None:
            return name
        if value.kind == "constant":
            return _literal(value.args[0])
        expression = self._expression(value)
        if expression.isidentifier():
            return expression
        if plain or value.uses > 1 or value.depth % DEPTH_MAX == 0:
            name = self._names[id(value)] = f"v{len(self._names)}"
            self.lines.append(f"{name} = {expression}")
            return name
        return expression

    def load(self, feature: str, age: int) -> str:
        """The expression of a feature ``age`` bars ago."""
        if age not in self._ages:
            self._ages.add(age)
            row = "rows[-1]" if age == 0 else f"(rows[{-1 - age}] if len(rows) > {age} else NO_ROW)"
            self.lines.append(f"get_{age} = {row}.get")
        return f"get_{age}({feature!r}, NAN)"

    def _expression(self, node: Node) -> str:
        if node.kind == "load":
            return self.load(*node.args)
        share = _share_of_condition(node)
        if share is not None:
            return f"({_literal(share[0])} if {self.text(share[1])} else 0.0)"
        parts = [self.text(argument, plain=node.kind in _REPEATS) for argument in node.args]
        bound = _BOUNDED.get(node.kind)
        if bound is not None and not isinstance(node.args[1], Node) and node.args[1] == node.args[1]:
            return bound.format(*parts)
        if node.kind == "known":
            return "(" + " and ".join(f"{part} == {part}" for part in parts) + ")"
        template = _TEMPLATES.get(node.kind)
        return template.format(*parts) if template else f"({parts[0]} {node.kind} {parts[1]})"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return repr(value)
    number = float(value)
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "(-INFINITY)"
    return repr(number) if number >= 0 else f"({number!r})"


def compile_rule(
    build: Callable[[Frame], Sequence[Value]],
    *,
    guard: Callable[[Frame], Condition] | None = None,
) -> Compiled:
    """A function of the last rows that returns what ``build`` computes on a ``BarFrame``, as a tuple.

    With a ``guard`` it returns None where the guard does not hold, and computes nothing else there.

    Raises:
        UntraceableError: the rule cannot be recorded; run it on a frame.
    """
    scope: dict[str, Any] = constants()
    # the source consists of the rule's own operations, feature names as literals and numbers; nothing else gets in
    exec(compile(source_of_rule(build, guard=guard), "<rule>", "exec"), scope)  # noqa: S102
    compiled: Compiled = scope["rule"]
    return compiled


def source_of_rule(
    build: Callable[[Frame], Sequence[Value]],
    *,
    guard: Callable[[Frame], Condition] | None = None,
) -> str:
    """The text of that function.

    Raises:
        UntraceableError: the rule cannot be recorded.
    """
    trace = Trace()
    held = guard(trace) if guard is not None else None
    try:
        outputs = tuple(build(trace))
    except (Exception, SystemExit) as error:
        # a user's rule may raise anything; run on a frame, it is found and named
        raise UntraceableError(str(error)) from error
    return _written(outputs, held)


def _written(outputs: Sequence[Value], guard: Condition | None) -> str:
    writer = Writer()
    for value in (guard, *outputs):
        writer.count(value)
    if guard is not None:
        condition = writer.text(guard)
        writer.lines.append(f"if not {condition}: return None")
    results = [writer.text(output) for output in outputs]
    body = "\n    ".join([*writer.lines, f"return ({', '.join(results)},)"])
    return f"def rule(rows):\n    {body}\n"


def constants() -> dict[str, Any]:
    """What written code may name besides its own values."""
    return {"NAN": NAN, "INFINITY": float("inf"), "NO_ROW": {}, "abs": abs, "sqrt": math.sqrt}
