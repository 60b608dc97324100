"""The tools of the official suite that ask the client: in the handshake era by a request, in the modern one by a result."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)

from server.host import Talk, ToolResult

_KEY: Final = secrets.token_bytes(32)


def elicitation(message: str, **properties: Any) -> ElicitRequest:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(text: str, max_tokens: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def text_of(answer: Any, name: str) -> str | None:
    """Return one text of an accepted elicitation, or None."""
    content = answer.get("content") if isinstance(answer, Mapping) else None
    found = content.get(name) if isinstance(content, Mapping) else None
    return found if isinstance(found, str) else None


def _says(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


def _sealed(step: str) -> str:
    return f"{step}.{hmac.new(_KEY, step.encode(), hashlib.sha256).hexdigest()}"


def _opened(state: str | None) -> str:
    """Return what a state says; an error of the protocol where it isn't ours."""
    step = (state or "").partition(".")[0]
    if state is None or not hmac.compare_digest(_sealed(step), state):
        raise MCPError(INVALID_PARAMS, "requestState is not ours")
    return step


async def _sampling(talk: Talk, arguments: Mapping[str, Any]) -> ToolResult:
    message = {"role": "user", "content": {"type": "text", "text": arguments.get("prompt", "")}}
    answer = await talk.ask("sampling/createMessage", {"messages": [message], "maxTokens": 100})
    return _says(f"LLM response: {answer['content']['text']}")


async def _elicitation(talk: Talk, arguments: Mapping[str, Any]) -> ToolResult:
    properties = {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
    return await _asked(talk, str(arguments.get("message", "")), properties, "User response", ["username", "email"])


async def _defaults(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    properties = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    return await _asked(talk, "Please check the defaults", properties, "Elicitation completed")


async def _enums(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    titled = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in ((1, "First"), (2, "Second"))]
    options = {"type": "string", "enum": ["option1", "option2", "option3"]}
    properties = {
        "untitledSingle": options,
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": options},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    return await _asked(talk, "Please choose", properties, "Elicitation completed")


async def _asked(
    talk: Talk, message: str, properties: Mapping[str, Any], says: str, required: list[str] | None = None
) -> ToolResult:
    schema = {"type": "object", "properties": properties} | ({"required": required} if required else {})
    answer = await talk.ask("elicitation/create", {"message": message, "requestedSchema": schema})
    return _says(f"{says}: action={answer.get('action')}, content={json.dumps(answer.get('content'))}")


async def _streaming_elicitation(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    await talk.progress(1, 2)
    try:
        await talk.ask("elicitation/create", {"message": "Name?", "requestedSchema": {"type": "object"}})
    except NoBackChannelError:
        return InputRequiredResult(input_requests={"name": elicitation("Name?", name={"type": "string"})})
    return _says("Asked.")


async def _one_elicitation(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    name = text_of(talk.answers.get("user_name"), "name")
    if name is None:
        return InputRequiredResult(
            input_requests={"user_name": elicitation("What is your name?", name={"type": "string"})}
        )
    return _says(f"Hello, {name}!")


async def _one_sampling(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    answer = talk.answers.get("capital_question")
    if not isinstance(answer, Mapping):
        return InputRequiredResult(input_requests={"capital_question": sampling("What is the capital of France?")})
    return _says(str(answer.get("content", {}).get("text")))


async def _roots(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    answer = talk.answers.get("client_roots")
    if not isinstance(answer, Mapping):
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return _says(f"Roots: {json.dumps(answer.get('roots'))}")


async def _state(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    if "confirm" not in talk.answers:
        question = elicitation("Please confirm", ok={"type": "boolean"})
        return InputRequiredResult(input_requests={"confirm": question}, request_state=_sealed("confirm"))
    _opened(talk.state)
    return _says("state-ok")


async def _several(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    wanted = {
        "user_name": elicitation("What is your name?", name={"type": "string"}),
        "greeting": sampling("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    if not wanted.keys() <= talk.answers.keys():
        return InputRequiredResult(input_requests=wanted, request_state=_sealed("several"))
    _opened(talk.state)
    return _says("All of them were answered.")


async def _rounds(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    if talk.state is None:
        question = elicitation("Step 1: What is your name?", name={"type": "string"})
        return InputRequiredResult(input_requests={"step1": question}, request_state=_sealed("step1"))
    if _opened(talk.state) == "step1" and "step1" in talk.answers:
        question = elicitation("Step 2: What is your favorite color?", color={"type": "string"})
        return InputRequiredResult(input_requests={"step2": question}, request_state=_sealed("step2"))
    return _says("Both steps are done.")


async def _what_the_client_can(talk: Talk, _: Mapping[str, Any]) -> ToolResult:
    can = talk.capabilities or ClientCapabilities()
    questions: dict[str, Any] = {}
    if can.elicitation is not None:
        questions["name"] = elicitation("Name?", name={"type": "string"})
    if can.sampling is not None:
        questions["greeting"] = sampling("Generate a greeting")
    if not questions:
        return _says("The client can't be asked.")
    return InputRequiredResult(input_requests=questions)


TOOLS: Final[dict[str, Callable[[Talk, Mapping[str, Any]], Awaitable[ToolResult]]]] = {
    "test_sampling": _sampling,
    "test_elicitation": _elicitation,
    "test_elicitation_sep1034_defaults": _defaults,
    "test_elicitation_sep1330_enums": _enums,
    "test_streaming_elicitation": _streaming_elicitation,
    "test_input_required_result_elicitation": _one_elicitation,
    "test_input_required_result_sampling": _one_sampling,
    "test_input_required_result_list_roots": _roots,
    "test_input_required_result_request_state": _state,
    "test_input_required_result_multiple_inputs": _several,
    "test_input_required_result_multi_round": _rounds,
    "test_input_required_result_tampered_state": _state,
    "test_input_required_result_capabilities": _what_the_client_can,
}
