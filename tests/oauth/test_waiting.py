"""How many may wait, and that codes are drawn fairly and stay apart."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from oauth.waiting import ALPHABET, WaitingRoom
from tests.oauth.house import open_house


async def test_browsers_of_one_address_are_bounded_and_make_room_when_they_are_over(tmp_path: Path) -> None:
    async with open_house(tmp_path / "data", max_waiting_per_address=3) as house:
        client_id = (await house.register())["client_id"]
        for _ in range(3):
            assert (await house.authorize(client_id)).status == 200
        full = await house.authorize(client_id)
        assert full.status == 429
        assert int(full.headers["Retry-After"]) > 0
        assert len(house.authority.waiting()) == 3
        house.clock.go(301)
        await house.authority.sweep()
        assert (await house.authorize(client_id)).status == 200


async def test_all_browsers_together_are_bounded(tmp_path: Path) -> None:
    async with open_house(tmp_path / "data", max_waiting=2) as house:
        client_id = (await house.register())["client_id"]
        assert [(await house.authorize(client_id)).status for _ in range(3)] == [200, 200, 503]


@given(st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=40))
def test_a_code_is_six_letters_whatever_the_randomness(blocks: list[bytes]) -> None:
    left = list(blocks)

    def random(count: int) -> bytes:
        return left.pop() if left else bytes(range(count))

    code = WaitingRoom(1, 1, random).new_code()
    assert len(code) == 6
    assert set(code) <= set(ALPHABET)
