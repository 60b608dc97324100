"""Documents from outside, read without trust: XML without entities and within bounds, HTML as plain paragraphs. Pure."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from cockpit.model.text import Safe, safe

MOST_CHARACTERS: Final = 16 * 1024 * 1024
_DEEPEST: Final = 64
_MOST_ELEMENTS: Final = 400_000
_MOST_TEXT: Final = 20_000
_TAG: Final = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,20})")
_BLOCKS: Final = frozenset(
    {"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "blockquote"}
)
_ENDS: Final = {
    name: re.compile(rf"</{name}", re.IGNORECASE) for name in ("script", "style", "head", "template", "noscript")
}
"""Elements whose content is never shown, and how each ends."""


class BadDocument(ValueError):
    """A document that isn't what it should be, or is larger than anything that should come."""


@dataclass(slots=True)
class Element:
    """One element of a document that was asked for, with what is in it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def get(self, name: str) -> str:
        """Return an attribute, empty where there is none."""
        return self.attributes.get(name, "")

    def child(self, tag: str) -> Element | None:
        """Return the first child of that tag."""
        return next((one for one in self.children if one.tag == tag), None)

    def said(self, tag: str) -> str:
        """Return the text of the first child of that tag, empty where there is none."""
        found = self.child(tag)
        return "" if found is None else found.text.strip()

    def every(self, tag: str) -> list[Element]:
        """Return all elements of that tag within, in the order of the document."""
        found: list[Element] = []
        left = list(reversed(self.children))
        while left:
            one = left.pop()
            if one.tag == tag:
                found.append(one)
            left.extend(reversed(one.children))
        return found


def read_xml(document: str | bytes, *wanted: str) -> tuple[Element, ...]:
    """Return the outermost elements of these tags, or the whole where none is named.

    Raises BadDocument for what isn't well formed, for a document type or entities of its own, and beyond bounds.
    """
    if len(document) > MOST_CHARACTERS:
        raise BadDocument("the document is too long")
    reader = _Reader(frozenset(wanted))
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _forbidden
    parser.EntityDeclHandler = _forbidden
    parser.ExternalEntityRefHandler = _forbidden
    try:
        parser.Parse(document, True)
    except expat.ExpatError as problem:
        raise BadDocument(f"the document isn't well formed: {problem}") from None
    return tuple(reader.found)


def paragraphs(text: str, most: int, longest: int) -> tuple[tuple[Safe, ...], bool]:
    """Return the paragraphs of a text, which may be HTML, and whether something was left out.

    One pass from front to back, whatever the text holds; markup goes, and nothing of it can come back.
    """
    found: list[Safe] = []
    cut = False
    for one in html.unescape(_shown(text[:MOST_CHARACTERS])).split("\n"):
        tidy = " ".join(one.split())
        if not tidy:
            continue
        if len(found) == most:
            return tuple(found), True
        cut = cut or len(tidy) > longest
        found.append(safe(tidy, longest))
    return tuple(found), cut


def _shown(text: str) -> str:
    """Return what isn't markup, with a line break where a block begins or ends."""
    parts: list[str] = []
    at = 0
    while (start := text.find("<", at)) >= 0:
        tag = _TAG.match(text, start + 1)
        if tag is None and text[start + 1 : start + 2] not in ("!", "?"):
            parts.append(text[at : start + 1])
            at = start + 1
            continue
        parts.append(text[at:start])
        end = text.find("-->" if text.startswith("<!--", start) else ">", start)
        if end < 0:
            return "".join(parts)
        at = end + 1
        name = "" if tag is None else tag[1].lower()
        if name in _BLOCKS:
            parts.append("\n")
        elif name in _ENDS and text[start + 1] != "/":
            over = _ENDS[name].search(text, at)
            if over is None:
                return "".join(parts)
            at = over.start()
    parts.append(text[at:])
    return "".join(parts)


class _Reader:
    """Builds the elements that are wanted, and counts all."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.found: list[Element] = []
        self._wanted = wanted
        self._open: list[Element] = []
        self._depth = 0
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > _MOST_ELEMENTS:
            raise BadDocument("the document has too many elements")
        if not self._open and self._wanted and tag not in self._wanted:
            return
        one = Element(tag, attributes)
        (self._open[-1].children if self._open else self.found).append(one)
        self._open.append(one)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._open and (self._open[-1].tag == tag):
            self._open.pop()

    def characters(self, text: str) -> None:
        if self._open and len(self._open[-1].text) < _MOST_TEXT:
            self._open[-1].text += text


def _forbidden(*_: object) -> int:
    raise BadDocument("the document declares a type or entities of its own")
