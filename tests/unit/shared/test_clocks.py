from pathlib import Path

import pytest

from shared.src.clocks import ScaledClock, SteppedClock, SystemClock, parse_clock, set_stepped


def test_clocks_of_several_processes_stand_where_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    set_stepped(file, 1_700_000_000_000)
    one, other = parse_clock(f"stepped@{file}"), parse_clock(f"stepped@{file}")
    assert isinstance(one, SteppedClock)
    assert one.now_ms() == other.now_ms() == 1_700_000_000_000
    set_stepped(file, 1_700_000_060_000)
    assert one.now_ms() == other.now_ms() == 1_700_000_060_000
    assert one.now().timestamp() == 1_700_000_060


def test_wall_time_goes_on_while_stepped_market_time_stands(tmp_path: Path) -> None:
    set_stepped(tmp_path / "clock", 5)
    clock = parse_clock(f"stepped@{tmp_path / 'clock'}")
    before = clock.monotonic()
    while clock.monotonic() == before:
        continue
    assert clock.now_ms() == 5


def test_a_clock_is_chosen_by_its_form() -> None:
    assert type(parse_clock("")) is SystemClock
    assert isinstance(parse_clock("60@1000@2000"), ScaledClock)


@pytest.mark.parametrize("text", ["stepped@/no/such/file", "stepped@", "fast", "0@1@1", "60@1"])
def test_what_is_no_clock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="clock"):
        parse_clock(text)


def test_a_file_that_is_too_short_is_no_clock(tmp_path: Path) -> None:
    (tmp_path / "clock").write_bytes(b"1234")
    with pytest.raises(ValueError, match="no stepped clock"):
        parse_clock(f"stepped@{tmp_path / 'clock'}")
