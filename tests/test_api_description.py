"""The OpenAPI schema is complete: each call has its errors and examples, and the examples fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.core.management import call_command

pytestmark = pytest.mark.any_database


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("schema") / "schema.json"
    # Any warning of the generator, and any error of the schema itself, is raised here.
    call_command("spectacular", fail_on_warn=True, validate=True, format="openapi-json", file=str(path))
    return json.loads(path.read_text())


def operations(schema: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def contents(operation: Any) -> Iterator[tuple[str, str, Any]]:
    """Each body of a call: the request or the status, its media type, its description."""
    for media_type, described in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, described
    for status, response in operation["responses"].items():
        for media_type, described in response.get("content", {}).items():
            yield status, media_type, described


def as_json_schema(described: Any, components: Any) -> Any:
    """The description as JSON Schema, which has no `nullable` and finds our components elsewhere."""
    if isinstance(described, list):
        return [as_json_schema(each, components) for each in described]
    if not isinstance(described, dict):
        return described
    if "$ref" in described:
        return as_json_schema(components[described["$ref"].rpartition("/")[2]], components)
    plain = {name: as_json_schema(each, components) for name, each in described.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if described.get("nullable") is True else plain


def test_every_call_describes_its_refusals(schema: Any) -> None:
    for call, operation in operations(schema):
        if call == "GET /api/health":
            continue
        statuses = set(operation["responses"])
        assert statuses >= {"400", "429", "503"}, call
        assert {} in operation["security"] or statuses >= {"401", "403"}, call
        assert "requestBody" not in operation or "413" in statuses, call
        shape = "GatewayError" if " /v1/" in call else "Error"
        for status in statuses & {"400", "401", "403", "404", "413", "429", "502", "503", "504"}:
            body = operation["responses"][status]["content"]["application/json"]
            assert body["schema"] == {"$ref": f"#/components/schemas/{shape}"}, (call, status)


def test_every_body_that_is_no_sound_has_an_example_that_fits_it(schema: Any) -> None:
    components = schema["components"]["schemas"]
    count = 0
    for call, operation in operations(schema):
        for where, media_type, described in contents(operation):
            if media_type.startswith("audio/"):
                continue
            examples = described.get("examples")
            assert examples, (call, where, media_type)
            for name, example in examples.items():
                jsonschema.validate(example["value"], as_json_schema(described["schema"], components))
                assert name, (call, where)
                count += 1
    assert count > 100


def test_a_clip_is_described_in_all_its_formats(schema: Any) -> None:
    spoken = schema["paths"]["/v1/audio/speech"]["post"]["responses"]["200"]["content"]
    clip = schema["paths"]["/api/audio/{content_hash}.{extension}"]["get"]["responses"]

    assert set(spoken) >= {"audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm"}
    assert "text/event-stream" in spoken
    assert set(clip) >= {"200", "206", "304", "404", "416"}


def test_the_speech_call_takes_a_voice_by_name_or_by_id(schema: Any) -> None:
    voice = as_json_schema(
        schema["components"]["schemas"]["SpeechCall"]["properties"]["voice"], schema["components"]["schemas"]
    )

    for given in ("nova", {"id": "nova"}):
        jsonschema.validate(given, voice)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(7, voice)
