"""Block Kit within its limits, and text from anywhere made harmless.

Slack refuses a whole message for one character too many, so every piece is cut to its limit here, after
escaping, and never in the middle of an escape. Limits: docs.slack.dev, Block Kit reference.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

HEADER, SECTION, CONTEXT, FALLBACK = 150, 3000, 2000, 3000
FIELDS, BLOCKS = 10, 50
FACT = 400
"""Characters of one fact; Slack allows 2000, but a fact that long is none."""
TOTAL = 12_000
"""Characters of all blocks together: Slack refuses about 13 200 (``msg_blocks_too_long``) without documenting it."""

Block = dict[str, Any]

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def fit(said: str, limit: int) -> str:
    """Text as Slack takes it, escaped and at most ``limit`` characters long; what is cut off ends in ``…``."""
    whole = "".join(map(_safe, said))
    if len(whole) <= limit:
        return whole
    kept: list[str] = []
    left = limit - 1
    for character in said:
        piece = _safe(character)
        left -= len(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + "…"


def _safe(character: str) -> str:
    """No markup, no mention, no control or direction character."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == "@":
        return "@\u200b"  # "@channel" in a label must not wake a channel up
    if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return character
    return " "


def line(said: str, limit: int) -> str:
    """The same, on one line."""
    return fit(" ".join(said.split()), limit)


def header(said: str) -> Block:
    """The message's title."""
    return {"type": "header", "text": {"type": "plain_text", "text": line(said, HEADER) or "…", "emoji": False}}


def section(markdown: str, facts: Sequence[tuple[str, str]] = ()) -> Block:
    """A paragraph of already escaped markdown, with short facts in two columns under it."""
    block: Block = {"type": "section", "text": _markdown(_cut(markdown, SECTION))}
    if facts:
        block["fields"] = [_markdown(f"*{line(name, 300)}*\n{fit(value, FACT)}") for name, value in facts[:FIELDS]]
    return block


def context(*said: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [_markdown(line(words, CONTEXT)) for words in said[:10] if words.strip()]}


def link(url: str, said: str, limit: int = 300) -> str:
    """Bold words, linked when there is a page."""
    words = line(said, limit).replace("|", "¦") or "…"
    return f"*<{_url(url)}|{words}>*" if url else f"*{words}*"


def message(fallback: str, blocks: Iterable[Block], more: str) -> Block:
    """A whole message. What does not fit is left off and said so by ``more``."""
    kept: list[Block] = []
    used, left_off = len(more), False
    for block in blocks:
        size = sum(len(words) for words in _texts(block))
        if len(kept) == BLOCKS - 1 or used + size > TOTAL:
            left_off = True
            break
        kept.append(block)
        used += size
    if left_off:
        kept.append(context(more))
    return {"text": line(fallback, FALLBACK) or "…", "blocks": kept, "unfurl_links": False, "unfurl_media": False}


def _markdown(said: str) -> Block:
    return {"type": "mrkdwn", "text": said or " ", "verbatim": True}


def _cut(escaped: str, limit: int) -> str:
    """Cut escaped markdown at the end of a line."""
    if len(escaped) <= limit:
        return escaped
    kept = escaped[: limit - 2]
    return (kept[: kept.rfind("\n")] if "\n" in kept else kept[: kept.rfind(" ")]) + "\n…"


def _url(url: str) -> str:
    for character, code in (("|", "%7C"), ("<", "%3C"), (">", "%3E"), ("&", "&amp;"), (" ", "%20"), ("\n", "")):
        url = url.replace(character, code)
    return url


def _texts(block: Any) -> Iterable[str]:
    if isinstance(block, dict):
        for name, value in block.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
    elif isinstance(block, list):
        for value in block:
            yield from _texts(value)
