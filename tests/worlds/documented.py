"""What fits the API's own document, and what does not: made from its schemas, so that a new route is asked by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

Schema = Mapping[str, Any]
#: What fits a pattern that is no plain choice of words; a route with a new pattern adds its own.
FITS = {
    "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$": "2026-01-01",
    "^[0-9a-f]{12}$": "0" * 12,
    "^[a-z]{3}_[0-9a-z]{6}$": "tra_nobody",
}
#: Long enough for a password, and none that is tried first.
PHRASE = "nine umbrellas lean at dusk"
WORDS = "words that fit in here"
UTID = "20200101-000000-tra-000000"


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of the document."""

    method: str
    path: str
    roles: tuple[str, ...]
    parameters: tuple[Schema, ...]
    body: Schema | None

    def at(self, **strange: str) -> str:
        """The address with a fitting value for every parameter of the path, but for those given, percent-encoded as given."""
        path, query = self.path, ""
        for parameter in self.parameters:
            name = str(parameter["name"])
            value = strange.get(name)
            if parameter["in"] == "path":
                path = path.replace(
                    f"{{{name}}}", str(fitting(parameter["schema"])) if value is None else value
                )
            elif value is not None:
                query = f"?{name}={value}"
        return path + query


def operations(base: str, *, deletions: bool = False) -> list[Operation]:
    """Every route that the document at `base` names; without `deletions` none that ends the asker's session."""
    document = httpx.get(f"{base}/openapi.json", trust_env=False).json()
    found: list[Operation] = []
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if method == "delete" and not deletions:
                continue
            content = one.get("requestBody", {}).get("content", {})
            body = None if not content else _resolved(document, content["application/json"]["schema"])
            parameters = [p for p in one.get("parameters", []) if p["in"] in ("path", "query")]
            found.append(Operation(method, path, tuple(one["x-roles"]), tuple(parameters), body))
    return found


def _resolved(document: Schema, schema: Any) -> Any:
    """The schema with every reference put in."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _resolved(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        return {name: _resolved(document, value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_resolved(document, value) for value in schema]
    return schema


def _core(schema: Schema) -> Schema:
    """What a schema says besides that it may be null."""
    return next((one for one in schema.get("anyOf", ()) if one["type"] != "null"), schema)


def fitting(schema: Schema) -> Any:
    """A value that fits."""
    schema = _core(schema)
    kind = schema["type"]
    if kind == "object":
        return {name: fitting(value) for name, value in schema.get("properties", {}).items()}
    if kind == "array":
        return [fitting(schema["items"])] * max(1, schema.get("minItems", 0))
    if kind == "boolean":
        return False
    if kind == "integer":
        step = int(schema.get("multipleOf", 1))
        low = max(int(schema.get("minimum", 0)), int(schema.get("exclusiveMinimum", -1)) + 1)
        return -(-low // step) * step
    if "enum" in schema:
        return schema["enum"][0]
    if "pattern" in schema:
        return _matching(schema["pattern"])
    if schema.get("title") == "Password":
        return PHRASE
    # Long ones are reasons, which must have words.
    least = schema.get("minLength", 0)
    return WORDS.ljust(least, "x") if least > 8 else "x" * max(1, least)


def _matching(pattern: str) -> str:
    words = re.fullmatch(r"\^\((\w+(?:\|\w+)*)\)\$", pattern)
    candidates = [words[1].partition("|")[0] if words else "", FITS.get(pattern, ""), UTID, "x" * 12]
    for candidate in candidates:
        if re.search(pattern, candidate):
            return candidate
    raise AssertionError(f"say in FITS what fits {pattern}")


def not_fitting(schema: Schema) -> Iterator[tuple[str, bytes, int]]:
    """Bodies that do not fit, each with its name and the status that it must get."""
    whole = json.dumps(fitting(schema))
    good = whole.encode()
    yield from (
        ("list", b"[]", 422),
        ("text", b'"text"', 422),
        ("null", b"null", 422),
        ("nothing", b"", 422),
        ("cut short", good[:-1], 422),
        ("trailing garbage", good + b"x", 422),
        ("UTF-16", whole.encode("utf-16"), 422),
        ("byte order mark", b"\xef\xbb\xbf" + good, 422),
        ("deep", b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", 422),
        ("too long", good[:-1] + b" " * 70_000 + b"}", 413),
    )
    fields: Schema = schema["properties"]
    unknown = {**fitting(schema), "is_admin": True}
    yield "unknown field", json.dumps(unknown).encode(), 422
    for name, field in fields.items():
        core = _core(field)
        yield f"{name} twice", f'{{"{name}": {json.dumps(fitting(core))}, {whole[1:]}'.encode(), 422
        if name in schema.get("required", ()):
            without = {other: value for other, value in fitting(schema).items() if other != name}
            yield f"without {name}", json.dumps(without).encode(), 422
        for what, value in _bad_values(core, nullable=core is not field):
            marked = json.dumps(fitting(schema) | {name: "\x00HERE"}).encode()
            yield f"{name}: {what}", marked.replace(json.dumps("\x00HERE").encode(), value), 422


def _bad_values(schema: Schema, *, nullable: bool) -> Iterator[tuple[str, bytes]]:
    """JSON texts that are no value of this field."""
    kind = schema["type"]
    yield "an object", b"{}"
    yield "not a number", b"NaN"
    yield "infinity", b"-Infinity"
    yield "invalid UTF-8", b'"\xff\xfe"'
    yield "lone surrogate", b'"\\ud800"'
    yield "NUL", b'"xxxxxxxxxx\\u0000"'
    yield "control character", b'"xxxxxxxxxx\\u001b[2J"'
    yield "a float", b"10000.0"
    yield "an exponent", b"1e4"
    yield "5000 digits", b"9" * 5000
    yield "no value", b"" if nullable else b"null"
    if kind != "array":
        yield "a list", b"[]"
    if kind != "string":
        yield "a text", b'"10000"'
    if kind != "integer":
        yield "a number", b"10000"
    if kind != "boolean":
        yield "a boolean", b"true"
    if kind == "integer":
        yield from _bad_numbers(schema)
    if kind == "string":
        if schema.get("minLength"):
            yield "too short", json.dumps("x" * (schema["minLength"] - 1)).encode()
        if "maxLength" in schema:
            yield "too long", json.dumps("x" * (schema["maxLength"] + 1)).encode()
        if "pattern" in schema or "enum" in schema:
            yield "another text", b'"piggy bank \xf0\x9f\x90\xb7"'
        elif "maxLength" not in schema:
            raise AssertionError(f"a text without an end: {schema}")


def _bad_numbers(schema: Schema) -> Iterator[tuple[str, bytes]]:
    yield "negative", b"-10000"
    yield "30 digits", b"9" * 30
    if "maximum" not in schema and "exclusiveMaximum" not in schema:
        raise AssertionError(f"a number without an end: {schema}")
    # Documents write large bounds as floats: the first whole number beyond such a one is far beyond it.
    yield "too large", str(2 * int(schema.get("maximum", schema.get("exclusiveMaximum")))).encode()
    if "exclusiveMinimum" in schema:
        yield "too small", str(int(schema["exclusiveMinimum"])).encode()
    if "multipleOf" in schema:
        yield "between steps", str(int(schema["multipleOf"]) + 1).encode()
