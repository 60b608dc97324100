"""The JSON schemas of arguments and results that clients read, as short as they can be."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from cockpit.model.orders import OrderState

ORDER_STATES = [state.value for state in OrderState if state is not OrderState.PREVIEWED]
"""States that a result can name: what is only previewed has a preview_id and no order."""


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat the names of fields: every client pays for what is listed."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of arguments or of a result."""
    return model.model_json_schema(schema_generator=_Untitled)
