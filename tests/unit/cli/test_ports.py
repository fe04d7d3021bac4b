"""The documented port when it is free, another when it is not, never the same twice."""

from __future__ import annotations

import socket
from pathlib import Path

from cli.process.ports import HOST, PortChooser, is_free


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert PortChooser().choose(taken) != taken


def test_no_port_is_given_twice(tmp_path: Path) -> None:
    chooser = PortChooser(leases=tmp_path)
    wanted = chooser.any()
    given = [chooser.choose(wanted) for _ in range(20)] + [chooser.any() for _ in range(20)]
    assert len({wanted, *given}) == 41


def test_two_platforms_started_at_once_never_share_a_port(tmp_path: Path) -> None:
    first, second = PortChooser(leases=tmp_path), PortChooser(leases=tmp_path)
    wanted = first.any()
    assert is_free(wanted)
    assert second.choose(wanted) != wanted
    first.close()
    assert second.choose(wanted) == wanted
