"""What is sent admits exactly what the schema itself admits, and answers come back as equal values."""

import json

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.v1 import BaseModel as BaseModelV1
from schema_kinds import KINDS

from langchain_mimo._chat.structured_output.fences import parse_json
from langchain_mimo._chat.structured_output.native import without_patterns
from langchain_mimo._chat.structured_output.schema import AnswerSchema
from langchain_mimo._wire.python_types import is_schema_type, schema_of_type
from langchain_mimo._wire.tool_definitions import wire_tools, with_parameters


def sent_schemas(kind, *, strict=None):
    """Return every form of a schema that goes over the wire."""
    target = AnswerSchema(kind.schema)
    (tool,) = wire_tools([target.tool], strict=strict)
    native = target.bound_format("json_schema", strict)["json_schema"]["schema"]
    return {
        "tool": with_parameters(tool)["function"]["parameters"],
        "json_schema": native,
        "without patterns": without_patterns(native),
        "json_mode": target.bound_format("json_mode", strict)["schema"],
    }


def source_of(schema):
    """Return the schema that pydantic writes, or the caller's own."""
    if isinstance(schema, dict):
        return schema
    if is_schema_type(schema):
        return schema_of_type(schema)
    return schema.schema() if issubclass(schema, BaseModelV1) else schema.model_json_schema()


def validator_of(schema):
    # pydantic.v1 writes tuples as they were before JSON schema 2020-12.
    draft = "http://json-schema.org/draft-07/schema#" if "definitions" in schema else None
    return jsonschema_rs.validator_for({**schema, **({"$schema": draft} if draft else {})})


KINDS_SENT = {
    name: {form: validator_of(schema) for form, schema in sent_schemas(kind).items()}
    for name, kind in KINDS.items()
}
STRICT = {
    name: {form: validator_of(s) for form, s in sent_schemas(kind, strict=True).items()}
    for name, kind in KINDS.items()
    if kind.requires_all
}
SOURCES = {name: validator_of(source_of(kind.schema)) for name, kind in KINDS.items()}
TARGETS = {name: AnswerSchema(kind.schema) for name, kind in KINDS.items()}


def places_in(value, path=()):
    """Yield the path of every value within a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else inner:
        yield from places_in(each, (*path, key))


def replaced(value, path, other):
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


def can_build(name, value):
    try:
        TARGETS[name].build(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_sent_admits_what_the_schema_admits(name, data):
    kind = KINDS[name]
    value = data.draw(kind.values)
    text = kind.dump(value)
    written = json.loads(text)
    assert TARGETS[name].build(parse_json(text)) == value

    path = data.draw(st.sampled_from(list(places_in(written))))
    other = data.draw(st.sampled_from([None, "x", 5, [], {}, [{}], {"x": 1}]))
    changed = replaced(written, path, other)
    is_valid = SOURCES[name].is_valid(changed)
    if name.startswith("discriminated"):  # pydantic requires a property that it does not state
        is_valid = is_valid and can_build(name, changed)
    for form, schema in KINDS_SENT[name].items():
        assert schema.is_valid(written), form
        assert schema.is_valid(changed) is is_valid or form == "without patterns", form


@pytest.mark.parametrize("name", STRICT)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_strict_schemas_admit_whole_values(name, data):
    kind = KINDS[name]
    written = json.loads(kind.dump(data.draw(kind.values)))
    for form, schema in STRICT[name].items():
        assert schema.is_valid(written), form
