"""One thing of each client in turn."""

from __future__ import annotations

from cockpit.desk.turns import Turns


def test_who_wants_little_is_looked_after_in_every_round_however_much_others_want() -> None:
    turns = Turns(10)
    wanted = {"greedy": [f"A{number}" for number in range(1600)], "modest": ["ZULU"]}
    for _ in range(20):
        taken = list(turns.round(wanted))
        assert len(taken) == 10
        assert ("modest", "ZULU") in taken


def test_the_next_round_goes_on_behind_what_was_taken_and_not_behind_what_was_due() -> None:
    turns = Turns(10)
    wanted = {"a": ["1", "2", "3"]}
    assert next(turns.round(wanted)) == ("a", "1")
    assert [thing for _, thing in turns.round(wanted)] == ["2", "3", "1"]


def test_a_client_that_rests_keeps_its_place_and_the_others_go_on() -> None:
    turns, resting = Turns(10), set[str]()
    wanted = {"a": ["1", "2", "3"], "b": ["4", "5"]}
    taken = list[str]()
    for client, thing in turns.round(wanted, resting):
        taken.append(thing)
        if client == "a":
            resting.add("a")
    assert taken == ["1", "4", "5"]
    assert [thing for client, thing in turns.round(wanted) if client == "a"] == ["2", "3", "1"]


def test_what_two_clients_want_is_looked_at_once() -> None:
    assert [thing for _, thing in Turns(10).round({"a": ["1", "2"], "b": ["1"]})] == ["1", "2"]


def test_more_clients_than_places_take_turns_too() -> None:
    turns = Turns(2)
    wanted = {name: [name.upper()] for name in "abcde"}
    assert {thing for _ in range(5) for _, thing in turns.round(wanted)} == set("ABCDE")
