"""Taking an address, and saying what to do when it can't be had."""

from __future__ import annotations

import pytest

from server.listener import CannotListen, PortTaken, bind, port_of


def test_port_zero_takes_a_free_one():
    with bind("127.0.0.1", 0) as taken:
        assert port_of(taken) > 0


def test_a_taken_port_is_called_so():
    with bind("127.0.0.1", 0) as taken:
        with pytest.raises(PortTaken) as caught:
            bind("127.0.0.1", port_of(taken))
        assert str(port_of(taken)) in caught.value.sentence
        assert "--port" in caught.value.mend


@pytest.mark.parametrize("host", ["no such host", "203.0.113.1"])
def test_an_address_that_is_not_ours_is_called_so(host):
    with pytest.raises(CannotListen) as caught:
        bind(host, 0)
    assert "--host" in caught.value.mend
