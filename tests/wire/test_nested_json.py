"""Nested JSON texts of calls are decoded where the schema settles it, and nowhere else."""

import copy
import json

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_kinds import KINDS

from langchain_mimo._wire.nested_json import decode_nested, is_decoded_form
from langchain_mimo._wire.tool_definitions import wire_tools, with_parameters

OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
NODE = {
    "type": "object",
    "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
}
DEFS = {"$defs": {"node": NODE, "names": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}


def schema_of(place, **more):
    """Return a tool's schema with one argument `x`."""
    return {"type": "object", "properties": {"x": place}, **more}


CAT = {"properties": {"kind": {"const": "cat"}, "data": {"type": "string"}}, "required": ["kind"]}
DOG = {"properties": {"kind": {"enum": ["dog"]}, "data": OBJECT}, "required": ["kind", "data"]}
PET = {"oneOf": [{"type": "object", **CAT}, {"type": "object", **DOG}]}

DECODED = {
    "an object": (OBJECT, '{"n": 1}', {"n": 1}),
    "an array": (NUMBERS, " [1,\n2] ", [1, 2]),
    "an object or null": ({"anyOf": [OBJECT, {"type": "null"}]}, '{"n": 1}', {"n": 1}),
    "types in a list": ({"type": ["object", "null"]}, '{"free": "{}"}', {"free": "{}"}),
    "an object or an array": ({"oneOf": [OBJECT, NUMBERS]}, "[1]", [1]),
    "a reference": ({"$ref": "#/$defs/node"}, '{"next": "{}"}', {"next": {}}),
    "a reference with a note": ({"$ref": "#/$defs/node", "description": "x"}, "{}", {}),
    "a reference to a reference": ({"$ref": "#/$defs/names"}, '["{}"]', [{}]),
    "the whole schema": ({"$ref": "#"}, '{"x": "{}"}', {"x": {}}),
    "all of one": ({"allOf": [{"$ref": "#/$defs/node"}]}, "{}", {}),
    "all of several": ({"allOf": [OBJECT, {"required": ["n"]}]}, '{"n": 1}', {"n": 1}),
    "in an object of any keys": (
        {"type": "object", "additionalProperties": NUMBERS},
        {"a": "[1]"},
        {"a": [1]},
    ),
    "in a tuple": (
        {"type": "array", "prefixItems": [{"type": "string"}, NUMBERS], "items": OBJECT},
        ["[1]", "[1]", "{}"],
        ["[1]", [1], {}],
    ),
    "in an old tuple": (
        {"type": "array", "items": [NUMBERS], "additionalItems": OBJECT},
        ["[1]", "{}"],
        [[1], {}],
    ),
    "texts in texts": (NUMBERS | {"items": NUMBERS}, '["[1]"]', [[1]]),
    "constants": ({"enum": [{"a": 1}, [2]]}, '{"a": 1}', {"a": 1}),
    "the alternative that a constant names": (
        PET,
        {"kind": "dog", "data": '{"n": 1}'},
        {"kind": "dog", "data": {"n": 1}},
    ),
}
KEPT = {
    "a string": ({"type": "string"}, '{"n": 1}'),
    "a string or an object": ({"anyOf": [OBJECT, {"type": "string"}]}, '{"n": 1}'),
    "anything": ({}, '{"n": 1}'),
    "properties without a type": ({"properties": {"n": {}}}, '{"n": 1}'),
    "an unknown reference": ({"$ref": "#/$defs/none"}, '{"n": 1}'),
    "a reference elsewhere": ({"$ref": "https://example.org/a.json"}, '{"n": 1}'),
    "a reference to itself": ({"$ref": "#/properties/x"}, '{"n": 1}'),
    "no JSON": (OBJECT, "{n: 1}"),
    "cut JSON": (OBJECT, '{"n": 1'),
    "NaN": (NUMBERS, "[NaN]"),
    "the other type": (OBJECT, "[1]"),
    "the other type again": (NUMBERS, '{"n": 1}'),
    "a number": ({"type": "integer"}, "1"),
    "null": ({"anyOf": [OBJECT, {"type": "null"}]}, "null"),
    "a string among constants": ({"enum": ["[]", []]}, "[]"),
    "the alternative that a constant names": (PET, {"kind": "cat", "data": '{"n": 1}'}),
    "an unknown property": (OBJECT, {"other": "[1]"}),
    "patterns of properties": (
        {"type": "object", "patternProperties": {"^a": NUMBERS}},
        {"a": "[1]"},
    ),
    "too deep": (NUMBERS, "[" * 100_000),
    "a broken schema": ({"type": "object", "properties": 3, "required": True}, {"a": "[1]"}),
}


@pytest.mark.parametrize(("place", "given_value", "expected"), DECODED.values(), ids=DECODED)
def test_decoded(place, given_value, expected):
    before = copy.deepcopy(given_value)
    assert decode_nested({"x": given_value}, schema_of(place, **DEFS)) == {"x": expected}
    assert given_value == before
    assert is_decoded_form(given_value, expected)


@pytest.mark.parametrize(("place", "value"), KEPT.values(), ids=KEPT)
def test_kept(place, value):
    assert decode_nested({"x": value}, schema_of(place, **DEFS)) == {"x": value}


def test_unions_of_unions_end_in_anything_instead_of_in_a_crash():
    defs = {
        f"d{at}": {"anyOf": [{"$ref": f"#/$defs/d{at + 1}"}, {"$ref": f"#/$defs/d{at + 1}"}]}
        for at in range(40)
    }
    defs["d40"] = OBJECT
    schema = schema_of({"$ref": "#/$defs/d0"}, **{"$defs": defs})
    assert decode_nested({"x": "{}"}, schema) == {"x": "{}"}


def test_a_long_list_is_decoded_to_its_end():
    schema = schema_of({"type": "array", "items": {"anyOf": [OBJECT, {"type": "null"}]}})
    value = decode_nested({"x": ['{"n": 1}'] * 30_000}, schema)
    assert value == {"x": [{"n": 1}] * 30_000}


@pytest.mark.parametrize(
    ("original", "value"),
    [
        ({"a": "[1]"}, {"a": [2]}),
        ({"a": "x"}, {"a": []}),
        ({"a": 1}, {}),
        ([1], [1, 2]),
        (None, {}),
    ],
)
def test_an_edited_value_is_no_decoded_form(original, value):
    assert not is_decoded_form(original, value)


# ------------------------------------------------------------------------------------- all kinds

SCHEMAS = {
    name: with_parameters(wire_tools([kind.schema])[0])["function"]["parameters"]
    for name, kind in KINDS.items()
    if name not in ("JSON schema without a title", "JSON schema by reference")
}
VALIDATORS = {name: jsonschema_rs.validator_for(schema) for name, schema in SCHEMAS.items()}


def containers_in(value, path=()):
    """Yield the paths of nested objects and arrays, the inner ones first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        if isinstance(each, dict | list):
            yield from containers_in(each, (*path, key))
            yield (*path, key)


def replaced(value, path, change):
    if not path:
        return change(value)
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], change)
    return changed


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_values_are_read_as_if_they_had_never_been_texts(name, data):
    """A validator that knows nothing of decoding says where a string is admitted."""
    written = json.loads(KINDS[name].dump(data.draw(KINDS[name].values)))
    as_texts = written
    for path in containers_in(written):
        admits_text = VALIDATORS[name].is_valid(replaced(written, path, lambda _: "no such text"))
        if not admits_text and data.draw(st.booleans()):
            as_texts = replaced(as_texts, path, json.dumps)
    assert decode_nested(as_texts, SCHEMAS[name]) == written
    assert is_decoded_form(as_texts, written)
