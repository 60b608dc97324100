from cockpit.model.text import counted


def test_one_thing_is_not_said_in_the_plural() -> None:
    said = [counted(number, "authority", "authorities") for number in (0, 1, 2)]
    assert said == ["0 authorities", "1 authority", "2 authorities"]
    assert [counted(1, "order"), counted(1234, "order")] == ["1 order", "1,234 orders"]
