"""What the supervisor knows of a component it starts."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from cli.process.child import Launch
from cli.stack.health import ComponentHealth


class Component(Protocol):
    """A component of the platform: prepared, launched, probed. ``launch`` returns None when somebody else runs it."""

    @property
    def name(self) -> str: ...

    @property
    def port(self) -> int | None: ...

    def prepare(self) -> None:
        """Work before the first start, such as making a cluster or writing a configuration."""

    def launch(self) -> Launch | None:
        """How to start it now; asked anew for each start, since an environment may have changed."""

    async def probe(self) -> ComponentHealth:
        """How it is."""

    async def after_start(self) -> None:
        """Work once it is first healthy, such as making a database."""


@runtime_checkable
class Announces(Protocol):
    """A component that says on its first line of output where it is reached."""

    def announced(self, line: dict[str, Any]) -> None: ...
