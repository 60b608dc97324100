"""The programs that are known to connect: what they call themselves, and the hosts that only they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
"""A redirect to one of them ends on the computer of the browser, whatever program listens there."""


@dataclass(frozen=True, slots=True)
class Product:
    """A program that a name may claim to be."""

    words: tuple[str, ...]
    """A name that holds one of them, in lower case, claims to be this product."""
    hosts: tuple[str, ...] = ()
    """Where its redirects and its description live; none where it only runs on people's own computers."""


PRODUCTS: Final = (
    Product(("claude", "anthropic"), ("claude.ai", "claude.com")),
    Product(("chatgpt", "openai", "codex"), ("chatgpt.com",)),
    Product(("cursor",), ("cursor.com", "www.cursor.com", "cursor://anysphere.cursor-mcp")),
    Product(("vscode", "vs code", "visual studio"), ("vscode.dev", "insiders.vscode.dev")),
    Product(("opencode",), ("opencode.ai",)),
    Product(("windsurf",)),
)

DOCUMENT_HOSTS: Final = ("claude.ai", "claude.com", "chatgpt.com", "vscode.dev", "cursor.com", "opencode.ai")
"""Hosts whose descriptions of clients are fetched before anybody has typed a code, unless settings say otherwise."""


def claimed_product(name: str) -> Product | None:
    """Return the product that a client's name claims to be."""
    folded = name.casefold()
    return next((one for one in PRODUCTS if any(word in folded for word in one.words)), None)
