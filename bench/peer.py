"""The SDK's own server for comparison: starlette and uvicorn as they come, one tool, no authentication, no audit."""

from __future__ import annotations

import json
import sys
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool

QUOTE = {
    "symbol": "ALFA",
    "bid": "101.23",
    "ask": "101.25",
    "bid_size": "300",
    "ask_size": "200",
    "last": "101.24",
    "as_of": "2026-01-05T15:30:00.000+00:00",
    "age_ms": 12,
    "source": "paper",
    "data_type": "simulated",
}
TOOL = Tool(
    name="get_quote",
    description="Best bid and ask of one instrument.",
    input_schema={"type": "object", "properties": {"symbol": {"type": "string"}}, "required": ["symbol"]},
)


async def _list_tools(_: Any, __: Any) -> ListToolsResult:
    return ListToolsResult(tools=[TOOL])


async def _call_tool(_: Any, params: CallToolRequestParams) -> CallToolResult:
    if params.name != TOOL.name:
        raise ValueError(params.name)
    return CallToolResult(content=[TextContent(type="text", text=json.dumps(QUOTE))], structured_content=dict(QUOTE))


def main() -> None:
    """Serve on the port given first; ``json`` as second argument answers in JSON instead of streams."""
    server: Server[Any] = Server(
        "peer",
        version="1",
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        get_tool_input_schema=lambda name: TOOL.input_schema if name == TOOL.name else None,
    )
    app = server.streamable_http_app(json_response="json" in sys.argv[2:])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
