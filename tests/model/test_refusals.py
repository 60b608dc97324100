from __future__ import annotations

import json
from typing import Any

import pytest

from cockpit.model.refusals import REFUSALS, read_refusal, refusal_json, refuse

SAID: dict[str, Any] = refusal_json(refuse("MAX_QUANTITY", "At most 100.", limit=100))


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_is_read_as_it_was_written(code: str) -> None:
    refusal = refuse(code, "Why, in a sentence.", limit="100 shares")
    assert read_refusal(json.loads(json.dumps(refusal_json(refusal)))) == refusal


@pytest.mark.parametrize(
    "said",
    [{name: value for name, value in SAID.items() if name != lost} for lost in SAID]
    + [SAID | {"who_can_fix": "me"}, SAID | {"who_can_fix": []}, SAID | {"details": "none"}],
)
def test_what_is_no_refusal_is_not_read_as_one(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_refusal(said)
