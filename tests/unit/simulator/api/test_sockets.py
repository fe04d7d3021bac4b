"""Frames the twin writes itself are those of the protocol, at every length the header changes at."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from simulator.api.streams.sockets import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_reads_back_as_one_whole_text(size: int) -> None:
    reader = StreamReader()
    reader.feed_data(text_frame("x" * size))
    reader.feed_eof()
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    frame = done.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * size)
    with pytest.raises(StopIteration) as rest:
        next(reader.at_eof())
    assert rest.value.value is True, "nothing follows"


def test_text_beyond_ascii_is_counted_in_bytes() -> None:
    assert text_frame("€" * 50)[:4] == bytes([0x81, 126, 0, 150])
