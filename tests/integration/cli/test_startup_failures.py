"""A part that does not come up ends the start with a reason, quickly, and leaves nothing behind."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.data_folder import DataFolder
from cli.exits import CommandError, ExitCode
from cli.process.child import Launch
from cli.process.ports import PortChooser
from cli.run import run_state
from cli.run.supervisor import Supervisor
from shared.src.clocks import SystemClock
from tests.integration.cli.fake_platform import STUBBORN, TinyService

REFUSES = "import sys; print('TRADING_MODE: must be paper or live'); sys.exit(2)"
CRASHES = "import sys; print('boom'); sys.exit(1)"


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder.at(tmp_path / "data")
    folder.create()
    return folder


@pytest.fixture
async def supervisor(data: DataFolder) -> AsyncIterator[Supervisor]:
    running = Supervisor(data, SystemClock(), kind="platform", mode="paper", report=print)
    yield running
    await running.stop()


def service(data: DataFolder, script: str) -> TinyService:
    return TinyService("one", data, PortChooser().any(), script)


async def test_a_refused_configuration_ends_the_start_at_once_with_the_services_own_words(
    data: DataFolder, supervisor: Supervisor
) -> None:
    parts = supervisor.begin_services([service(data, REFUSES)])
    with pytest.raises(CommandError, match="must be paper or live") as caught:
        await supervisor.until_healthy(parts, timeout_s=60)
    assert caught.value.code is ExitCode.USAGE
    assert parts[0].restarts == 0


async def test_a_service_that_keeps_crashing_ends_the_start_with_the_end_of_its_log(
    data: DataFolder, supervisor: Supervisor
) -> None:
    parts = supervisor.begin_services([service(data, CRASHES)])
    with pytest.raises(CommandError, match="boom") as caught:
        await supervisor.until_healthy(parts, timeout_s=60)
    assert caught.value.code is ExitCode.MISSING


async def test_a_program_that_is_not_there_is_named(data: DataFolder, supervisor: Supervisor) -> None:
    with pytest.raises(CommandError, match="one cannot be started"):
        supervisor.begin_services([_WithoutProgram("one", data, PortChooser().any())])


async def test_a_service_that_ignores_the_request_to_stop_is_killed(data: DataFolder) -> None:
    running = Supervisor(data, SystemClock(), kind="platform", mode="paper", report=print)
    parts = running.begin_services([service(data, STUBBORN)])
    await running.until_healthy(parts, timeout_s=60)
    child = parts[0].child
    assert child is not None
    await running.stop()
    assert child.exit_code() in (-signal.SIGABRT, -signal.SIGKILL)


def test_a_second_run_on_the_same_folder_is_refused(data: DataFolder) -> None:
    refused = pytest.raises(CommandError, match="already uses the data folder")
    with run_state.exclusive(data), refused as caught, run_state.exclusive(data):
        pytest.fail("two runs at once")
    assert caught.value.code is ExitCode.USAGE


class _WithoutProgram(TinyService):
    def launch(self) -> Launch:
        return replace(super().launch(), argv=("/nonexistent/program",))
