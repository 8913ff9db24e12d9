"""YAML as people mean it: every value with its line, and nothing that two readers could read differently.

YAML 1.1 reads ``on`` as true, ``1:30`` as 90 and ``010`` as 8; YAML 1.2 does not. Where the two disagree the
file is refused with the line, for a settings file must not depend on who reads it. Duplicate keys, tags,
merge keys and files that unfold into something huge are refused as well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

Path = tuple[str | int, ...]
"""Where a value is: keys and list positions from the top."""

MAX_BYTES = 1 << 20
"""A fleet of 200 roles needs about 100 kB."""
MAX_VALUES = 50_000
"""Values after aliases are unfolded; nine lines of aliases can unfold into a billion."""
MAX_DEPTH = 24
"""The schema is 6 deep."""

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+(?:\.[0-9]*)?|0o[0-7]+|0b[01]+")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_TAG + t for t in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One thing that is wrong at a place of the document."""

    path: Path
    what: str
    fix: str
    line: int | None = None
    """1-based; ``None``: look it up by ``path``."""


@dataclass(slots=True)
class Document:
    """A document's values, the lines they stand on, and what is wrong with it."""

    data: Mapping[str, object] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        """The line of ``path``, or of the nearest thing around it that is in the file."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return 1 if self.lines else None


class _TooMuchError(Exception):
    pass


def read(raw: bytes) -> Document:
    """Read a settings file. Never raises: what is wrong is in ``wrong``."""
    document = Document()
    text = _decode(raw, document)
    if text is None:
        return document
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _Walk(document).top(root)
    except yaml.MarkedYAMLError as error:
        document.wrong.append(_syntax(error))
    except yaml.YAMLError as error:
        document.wrong.append(Wrong(path=(), what=f"is not YAML: {error}".splitlines()[0][:160], fix="remove it"))
    except (RecursionError, _TooMuchError) as error:
        document.wrong.append(
            Wrong(
                path=(),
                line=error.args[0] if isinstance(error, _TooMuchError) else 1,
                what=f"unfolds into more than {MAX_VALUES} values or {MAX_DEPTH} levels",
                fix="write the values out instead of using aliases",
            )
        )
    return document


def _decode(raw: bytes, document: Document) -> str | None:
    if len(raw) > MAX_BYTES:
        what = f"is larger than {MAX_BYTES // 1024} KiB"
        document.wrong.append(Wrong(path=(), what=what, fix="give the control plane a smaller file"))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        document.wrong.append(Wrong(path=(), line=line, what="is not UTF-8", fix="save the file as UTF-8"))
        return None


def _syntax(error: yaml.MarkedYAMLError) -> Wrong:
    mark = error.problem_mark or error.context_mark
    line = None if mark is None else mark.line + 1
    said = error.problem or error.context or "is not YAML"
    if "\\t" in said or "'\\t'" in said:
        return Wrong(path=(), line=line, what="a tab indents this line", fix="indent with spaces")
    if "expected a single document" in f"{error.context} {said}":
        return Wrong(path=(), line=line, what="a second document starts here", fix="keep one document per file")
    if "undefined alias" in said:
        return Wrong(path=(), line=line, what=said, fix="define the anchor above, or write the value out")
    return Wrong(path=(), line=line, what=f"is not YAML: {said}", fix="check quotes, colons and indentation here")


class _Walk:
    """Turns YAML nodes into plain values, remembering lines."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen = 0

    def top(self, root: yaml.Node | None) -> None:
        """Read the whole document; its top must be a mapping."""
        if root is None:
            self._wrong((), 1, "is empty", "start with fleet: and roles:")
            return
        if not isinstance(root, yaml.MappingNode):
            self._wrong((), root.start_mark.line + 1, "has no keys at its top", "start with fleet: and roles:")
            return
        self.document.data = self._mapping(root, ())

    def _wrong(self, path: Path, line: int, what: str, fix: str) -> None:
        self.document.wrong.append(Wrong(path=path, line=line, what=what, fix=fix))

    def _value(self, node: yaml.Node, path: Path) -> object:
        self.seen += 1
        if self.seen > MAX_VALUES or len(path) > MAX_DEPTH:
            raise _TooMuchError(node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return self._sequence(node, path)
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN_TAGS:
            return self._scalar(node, path, node.start_mark.line + 1)
        self._wrong(path, node.start_mark.line + 1, f"the tag {node.tag.replace(_TAG, '!!')}", "remove the tag")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(path, line, "a key is a list or mapping", "write the key as a word")
                continue
            if key_node.tag == _TAG + "merge" and key_node.style is None:
                self._wrong(path, line, "merges keys with <<", "write the keys out")
                continue
            key = key_node.value
            here = (*path, key)
            if key_node.style is None and key_node.tag not in {_TAG + "str", _TAG + "value"}:
                self._key_trap(key_node, here, line)
            if key in values:
                first = self.document.lines[here]
                self._wrong(here, line, f"is written twice, first in line {first}", "keep one of the two")
                continue
            self.document.lines[here] = line
            values[key] = self._value(value_node, here)
        return values

    def _key_trap(self, node: yaml.ScalarNode, path: Path, line: int) -> None:
        kind = node.tag.removeprefix(_TAG)
        truth = "true" if node.value.lower() in {"yes", "on", "true"} else "false"
        said = truth if kind == "bool" else "a number" if kind in {"int", "float"} else f"a {kind}"
        self._wrong(path, line, f"the key {node.value} is read as {said}", f'write "{node.value}" in quotes')

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[object]:
        values: list[object] = []
        for i, item in enumerate(node.value):
            here = (*path, i)
            self.document.lines[here] = item.start_mark.line + 1
            values.append(self._value(item, here))
        return values

    def _scalar(self, node: yaml.ScalarNode, path: Path, line: int) -> object:
        said = node.value
        if node.style is not None:
            if node.tag != _TAG + "str":
                self._wrong(path, line, f"the tag {node.tag.replace(_TAG, '!!')}", "remove the tag")
            return said
        if node.tag == _TAG + "null":
            return None
        if _BOOL.fullmatch(said):
            return said.lower() == "true"
        if _INT.fullmatch(said):
            return int(said, 0) if len(said) < 20 else float(said)
        if _FLOAT.fullmatch(said):
            return float(said)
        trap = _trap(node)
        if trap:
            self._wrong(path, line, *trap)
        return said


def _trap(node: yaml.ScalarNode) -> tuple[str, str] | None:
    """What two YAML readers would read differently here, and what to write instead."""
    said, quoted = node.value, f'"{node.value}"'
    match node.tag.removeprefix(_TAG):
        case "bool":
            means = "true" if said.lower() in {"yes", "on"} else "false"
            return f"{said} is read as {means} by YAML 1.1", f"write {means}, or {quoted} in quotes"
        case "timestamp":
            return f"{said} is read as a date", f"write {quoted} in quotes"
        case "int" | "float" if _SIXTIES.fullmatch(said):
            return f"{said} is read in sixties by YAML 1.1", f"write a duration such as 1m30s, or {quoted} in quotes"
        case "int" | "float" if said.lower().lstrip("+-") in {".inf", ".nan"}:
            return f"{said} is not a number one can use", "write a finite number"
        case _ if _LEADING_ZERO.fullmatch(said):
            plain = said.lstrip("+-0ob_") or "0"
            return f"{said} is octal to YAML 1.1", f"write {plain}, or {quoted} in quotes"
        case "int" | "float":
            return f"{said} is not a number everywhere", f"write it without _, or {quoted} in quotes"
        case _:
            return None
