"""When a part may be started again, and what it says of itself meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cli.process.child import Launch
from cli.run.supervised import RESTART, ComponentState, SupervisedComponent
from cli.stack.health import ComponentHealth

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Idle:
    name = "idle"
    port = 5010

    def prepare(self) -> None:
        """Nothing."""

    def launch(self) -> Launch | None:
        return None

    async def probe(self) -> ComponentHealth:
        return ComponentHealth(healthy=True)

    async def after_start(self) -> None:
        """Nothing."""


def part() -> SupervisedComponent:
    return SupervisedComponent(component=Idle(), is_service=True, since=AT)


def test_each_crash_in_a_row_waits_longer_up_to_a_bound() -> None:
    crashing = part()
    waits = []
    for _ in range(12):
        crashing.crashed(exit_code=1, now=0.0, at=AT)
        waits.append(crashing.backoff_s())
    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] == RESTART.max_s


def test_a_crash_is_described_by_how_it_ended() -> None:
    crashing = part()
    crashing.crashed(exit_code=-9, now=0.0, at=AT)
    described = crashing.describe()
    assert described["detail"] == "ended by signal 9"
    assert described["state"] == ComponentState.RESTARTING
    assert described["healthy"] is False


def test_a_part_that_was_well_and_is_no_longer_is_unhealthy_with_the_reason() -> None:
    watched = part()
    watched.observe(ComponentHealth(healthy=True), now=1.0, at=AT)
    watched.observe(ComponentHealth(healthy=False, detail="postgres: away"), now=2.0, at=AT)
    assert watched.state is ComponentState.UNHEALTHY
    assert watched.describe()["detail"] == "postgres: away"


def test_silence_is_measured_from_its_beginning_and_ends_with_an_answer() -> None:
    watched = part()
    silent = ComponentHealth(healthy=False, detail="no answer", answered=False)
    watched.observe(silent, now=5.0, at=AT)
    watched.observe(silent, now=9.0, at=AT)
    assert watched.first_silence == 5.0
    watched.observe(ComponentHealth(healthy=False, detail="HTTP 503"), now=10.0, at=AT)
    assert watched.first_silence is None


def test_a_service_is_described_with_everything_the_status_document_promises() -> None:
    promised = {"pid", "port", "url", "state", "healthy", "since", "restarts", "rss_bytes", "detail"}
    assert set(part().describe()) == promised
    assert Path(part().describe()["url"]).name == "127.0.0.1:5010"
