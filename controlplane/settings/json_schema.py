"""The JSON schema of fleet.yaml, for editors: ``# yaml-language-server: $schema=…/docs/fleet.schema.json``."""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from controlplane.settings.schema import Settings


class _AsWritten(GenerateJsonSchema):
    """Defaults the way they would stand in the file (``15s``, not ``PT15S``), and no titles that repeat the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  never
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        serialization: Any = schema["schema"].get("serialization", {})
        if made.get("default") is not None and "function" in serialization:
            made["default"] = serialization["function"](schema["default"])
        return made


def schema_text() -> str:
    """The schema; the same bytes every time."""
    schema = Settings.model_json_schema(by_alias=True, schema_generator=_AsWritten)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "fleet.yaml"}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
