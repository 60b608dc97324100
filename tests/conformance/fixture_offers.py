"""The prompts and resources that the official suite wants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mcp_types import (
    BlobResourceContents,
    ContentBlock,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)

from cockpit.model.identity import Caller
from server.host import Completing, Contents, Talk
from tests.conformance.fixture_asks import elicitation, text_of

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
_TEMPLATED: Final = re.compile(r"test://template/([^/]+)/data")
_PROMPTS: Final = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}


class Prompts:
    """Implements the prompt host, and the completion host for one of them."""

    def listed(self, caller: Caller) -> Sequence[Prompt]:
        return [
            Prompt(
                name=name,
                description=f"{name}, as the suite wants it.",
                arguments=[PromptArgument(name=argument, description="Text.", required=True) for argument in arguments],
            )
            for name, arguments in _PROMPTS.items()
        ]

    async def get(
        self, caller: Caller, name: str, arguments: Mapping[str, str], talk: Talk
    ) -> GetPromptResult | InputRequiredResult | None:
        match name:
            case "test_simple_prompt":
                return _messages(_text("This is a simple prompt for testing."))
            case "test_prompt_with_arguments":
                one, two = arguments.get("arg1", ""), arguments.get("arg2", "")
                return _messages(_text(f"Prompt with arguments: arg1='{one}', arg2='{two}'"))
            case "test_prompt_with_embedded_resource":
                uri, text = arguments.get("resourceUri", ""), "Embedded resource content for testing."
                inside = TextResourceContents(uri=uri, mime_type="text/plain", text=text)
                return _messages(
                    EmbeddedResource(type="resource", resource=inside),
                    _text("Please process the embedded resource above."),
                )
            case "test_prompt_with_image":
                picture = ImageContent(type="image", data=PIXEL, mime_type="image/png")
                return _messages(picture, _text("Please analyze the image above."))
            case "test_input_required_result_prompt":
                context = text_of(talk.answers.get("user_context"), "context")
                if context is None:
                    question = elicitation("What context should the prompt use?", context={"type": "string"})
                    return InputRequiredResult(input_requests={"user_context": question})
                return _messages(_text(f"Prompt in the context of {context}."))
            case _:
                return None

    async def complete(self, caller: Caller, asked: Completing) -> Sequence[str]:
        return [word for word in ("paris", "park", "party") if word.startswith(asked.typed)]


class Resources:
    """Implements the resource host."""

    def listed(self, caller: Caller) -> Sequence[Resource]:
        kinds = {
            "test://static-text": "text/plain",
            "test://static-binary": "image/png",
            "test://watched-resource": "text/plain",
        }
        return [
            Resource(uri=uri, name=uri, description="As the suite wants it.", mime_type=kind)
            for uri, kind in kinds.items()
        ]

    def templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        return [ResourceTemplate(uri_template="test://template/{id}/data", name="data", description="Data of an id.")]

    async def watchable(self, caller: Caller, uri: str) -> bool:
        return uri == "test://watched-resource"

    async def read(self, caller: Caller, uri: str, talk: Talk) -> Contents | None:
        if uri == "test://static-binary":
            return [BlobResourceContents(uri=uri, mime_type="image/png", blob=PIXEL)]
        if found := _TEMPLATED.fullmatch(uri):
            text = f'{{"id":"{found[1]}","templateTest":true,"data":"Data for ID: {found[1]}"}}'
            return [TextResourceContents(uri=uri, mime_type="application/json", text=text)]
        texts = {
            "test://static-text": "This is the content of the static text resource.",
            "test://watched-resource": "Watched resource content",
        }
        text = texts.get(uri)
        return None if text is None else [TextResourceContents(uri=uri, mime_type="text/plain", text=text)]


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _messages(*contents: ContentBlock) -> GetPromptResult:
    return GetPromptResult(messages=[PromptMessage(role="user", content=content) for content in contents])
