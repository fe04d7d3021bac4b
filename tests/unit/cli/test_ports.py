"""The documented port when it is free, another when it is not, never the same twice."""

from __future__ import annotations

import socket

from cli.ports import HOST, PortChooser


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert PortChooser().choose(taken) != taken


def test_no_port_is_given_twice() -> None:
    chooser = PortChooser()
    wanted = chooser.any()
    again = PortChooser()
    assert again.choose(wanted) == wanted
    given = [again.choose(wanted) for _ in range(20)] + [again.any() for _ in range(20)]
    assert len({wanted, *given}) == 41
