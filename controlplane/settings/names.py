"""How names, addresses and places are written in fleet.yaml."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from controlplane.model.keys import ObjectRef
from controlplane.settings.values import Written, refuse, shown

_DNS = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Text(Written):
    """Some words; ``pattern`` narrows them."""

    pattern: str = ".{1,1000}"
    words: str = "a text"
    example: str = "some words"

    def read(self, value: object) -> str:
        if isinstance(value, (bool, int, float)):
            raise refuse(f"{shown(value)} is not {self.words}", f'write "{shown(value)}" in quotes if you mean it')
        if not isinstance(value, str) or not value.isprintable() or not re.fullmatch(self.pattern, value):
            raise refuse(f"{shown(value)} is not {self.words}", f"write one such as {self.example}")
        return value

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{self.pattern}$"}


NAME = Text("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "a name (lower case letters, digits, dashes)", "agents-prod")
GPU_TYPE = Text("[a-z0-9][-a-z0-9.]{0,62}", "a GPU type", "h100-pcie-80gb")
MODEL = Text(r"[^\s\"'\\]{1,255}", "a model name", "meta-llama/Llama-3.1-8B-Instruct")
NAMESPACE = Text("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "a namespace", "llm")
LABEL_NAME = Text("[a-zA-Z_][a-zA-Z0-9_]{0,127}", "a label name", "model_name")
_ONE = r"[-A-Za-z0-9_./]+ ?(?:(?:=|==|!=) ?[-A-Za-z0-9_.]*| (?:not)?in \([^()]*\))?|![-A-Za-z0-9_./]+"
SELECTOR = Text(f"(?:{_ONE})(?:, ?(?:{_ONE}))*", "a label selector", "app=planner")


@dataclass(frozen=True, slots=True)
class Url(Written):
    """An http or https address without credentials. ``page``: without a path, ``/metrics`` is meant."""

    page: bool = False

    def read(self, value: object) -> str:
        example = "http://127.0.0.1:8000/metrics" if self.page else "http://prometheus:9090"
        if not isinstance(value, str) or not value.isprintable() or set(value) & set(" {}") or len(value) > 2000:
            raise refuse(f"{shown(value)} is not a URL", f"write one such as {example}")
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise refuse(f"{shown(value)} is not a URL", f"write one such as {example}") from None
        if parts.scheme not in {"http", "https"} or not host:
            raise refuse(f"{shown(value)} is not an http URL", f"write one such as {example}")
        if "@" in parts.netloc:
            raise refuse("the URL carries a user name or password", "put the token into a file and name it")
        if parts.fragment:
            raise refuse(f"{shown(value)} has a fragment", "remove # and what follows")
        if _is_link_local(host):
            raise refuse(f"{host} is link-local, where clouds keep their secrets", "name another address")
        if self.page and parts.path in {"", "/"} and not parts.query:
            return f"{parts.scheme}://{parts.netloc}/metrics"
        return value if self.page else value.rstrip("/")

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": "^https?://[^@]+$"}


def _is_link_local(host: str) -> bool:
    try:
        return ip_address(host).is_link_local
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class StoreUrl(Written):
    """An SQLite file or a PostgreSQL database, without a password."""

    def read(self, value: object) -> str:
        text = value if isinstance(value, str) else ""
        parts = urlsplit(text)
        if parts.password:
            raise refuse("the URL carries a password", "remove it, and name a file with it in PGPASSFILE")
        known = text.startswith("sqlite:///") or (parts.scheme in {"postgresql", "postgresql+psycopg"} and parts.netloc)
        if not known or not text.isprintable():
            raise refuse(
                f"{shown(parts.scheme or value)} is no store", "write sqlite:///FILE or postgresql://USER@HOST/NAME"
            )
        return text

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^(sqlite:///|postgresql(\+psycopg)?://)"}


@dataclass(frozen=True, slots=True)
class LocalPath(Written):
    """A file or folder; a relative one is looked for next to fleet.yaml."""

    def read(self, value: object) -> Path:
        if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
            raise refuse(f"{shown(value)} is not a path", "write one such as /run/secrets/slack")
        if "://" in str(value):
            raise refuse(f"{shown(value)} is an address, not a file", "write the path of a file")
        return Path(value)

    def write(self, value: Path) -> str:
        return str(value)

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1}

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> CoreSchema:
        def place(value: object, info: core_schema.ValidationInfo) -> Path:
            path = self.read(value)
            folder = (info.context or {}).get("folder")
            return path if folder is None or path.is_absolute() else Path(folder) / path

        return core_schema.with_info_plain_validator_function(
            place, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )


@dataclass(frozen=True, slots=True)
class KubernetesObject(Written):
    """``namespace/name``, with another kind in front where that makes sense: ``StatefulSet llm/planner``."""

    kind: str
    others: tuple[str, ...] = ()

    def read(self, value: object) -> ObjectRef:
        if isinstance(value, ObjectRef):
            return value
        example = f"llm/planner{f', or {self.others[0]} llm/planner' if self.others else ''}"
        if not isinstance(value, str):
            raise refuse(f"{shown(value)} is not namespace/name", f"write {example}")
        kind, _, rest = value.rpartition(" ")
        namespace, slash, name = rest.partition("/")
        if kind not in {"", self.kind, *self.others}:
            raise refuse(f"{shown(kind)} is no kind that can be used here", f"write {example}")
        if not slash or not _DNS.fullmatch(namespace) or not _DNS.fullmatch(name):
            raise refuse(f"{shown(value)} is not namespace/name", f"write {example}")
        return ObjectRef(kind or self.kind, namespace, name)

    def write(self, value: ObjectRef) -> str:
        name = f"{value.namespace}/{value.name}"
        return name if value.kind == self.kind else f"{value.kind} {name}"

    def schema(self) -> JsonSchemaValue:
        kinds = "|".join((self.kind, *self.others))
        return {"type": "string", "pattern": f"^(({kinds}) )?[a-z0-9][-a-z0-9.]*/[a-z0-9][-a-z0-9.]*$"}
