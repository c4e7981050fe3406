"""Schemas: definitions in place, recursion kept, and the walk over subschemas."""

import json
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel
from schema_kinds import KINDS, Expr, Old, Owner, Person

from langchain_mimo._wire.json_schemas import (
    map_subschemas,
    resolve,
    simplified,
    strict_schema,
    with_tags,
)

ITEM = {"type": "object", "properties": {"n": {"type": "integer"}}}


def with_defs(place, **defs):
    return {"type": "object", "properties": {"x": place}, "$defs": defs}


def x_of(schema):
    return simplified(schema)["properties"]["x"]


def test_a_definition_is_written_in_place():
    schema = with_defs({"$ref": "#/$defs/a"}, a={"title": "A", **ITEM})
    assert simplified(schema) == {"type": "object", "properties": {"x": ITEM}}


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ({"description": "mine"}, {**ITEM, "description": "mine"}),
        ({"default": None}, {**ITEM, "description": "its", "default": None}),
        ({"minProperties": 1}, {**ITEM, "description": "its", "minProperties": 1}),
        (
            {"properties": {"m": {}}},
            {"properties": {"m": {}}, "allOf": [{**ITEM, "description": "its"}]},
        ),
    ],
)
def test_keywords_beside_a_reference_apply_too(beside, expected):
    for place in ({"$ref": "#/$defs/a"}, {"allOf": [{"$ref": "#/$defs/a"}]}):
        assert x_of(with_defs({**place, **beside}, a={**ITEM, "description": "its"})) == expected


def test_recursive_definitions_stay_and_others_do_not():
    schema = with_defs(
        {"$ref": "#/$defs/list"},
        list={"type": "array", "items": {"$ref": "#/$defs/node"}},
        node={
            "type": "object",
            "properties": {"l": {"$ref": "#/$defs/list"}, "i": {"$ref": "#/$defs/item"}},
        },
        item=ITEM,
    )
    result = simplified(schema)
    assert result["$defs"].keys() == {"list", "node"}
    assert result["properties"]["x"] == {"$ref": "#/$defs/list"}
    assert result["$defs"]["node"]["properties"]["i"] == ITEM


def test_old_definitions_become_new_ones():
    schema = {
        "$ref": "#/definitions/a b",
        "definitions": {"a b": {"items": {"$ref": "#/definitions/a b"}}},
    }
    assert simplified(schema) == {
        "items": {"$ref": "#/$defs/a_b"},
        "$defs": {"a_b": {"items": {"$ref": "#/$defs/a_b"}}},
    }


def test_a_reference_to_the_whole_schema_stays():
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert simplified(schema) == schema


def test_a_reference_into_the_schema_is_written_in_place():
    schema = {"properties": {"a": ITEM, "b": {"$ref": "#/properties/a"}}}
    assert simplified(schema) == {"properties": {"a": ITEM, "b": ITEM}}


def test_a_reference_that_leaves_the_schema_is_kept():
    place = {"$ref": "https://example.org/a.json"}
    assert x_of(with_defs(place)) == place


def test_a_root_that_refers_to_itself_ends():
    schema = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
    }
    jsonschema_rs.validator_for(simplified(schema))


def test_a_reference_to_nothing_is_an_error():
    with pytest.raises(ValueError, match="refers to '#/\\$defs/b', which it does not define"):
        simplified(with_defs({"$ref": "#/$defs/a"}, a={"items": {"$ref": "#/$defs/b"}}))


def test_definitions_that_double_at_each_level_stay_definitions():
    defs = {
        f"d{at}": {
            "type": "object",
            "properties": {k: {"$ref": f"#/$defs/d{at + 1}"} for k in "ab"},
        }
        for at in range(40)
    }
    result = simplified(with_defs({"$ref": "#/$defs/d0"}, **defs, d40=ITEM))
    assert len(result["$defs"]) == 41
    assert len(json.dumps(result)) < 10_000


def test_properties_may_have_the_names_of_keywords():
    properties = {
        name: {"type": "string"}
        for name in ("title", "$ref", "$defs", "discriminator", "properties", "items", "allOf")
    }
    schema = {"type": "object", "properties": properties}
    assert simplified(schema) == schema


def test_defaults_and_constants_are_values_and_no_schemas():
    schema = {"properties": {"x": {"default": {"title": "a"}, "enum": [{"title": "a", "$ref": 1}]}}}
    assert simplified(schema) == schema


def test_titles_of_alternatives_stay():
    schema = {"title": "T", "anyOf": [{"title": "A", **ITEM, "properties": {"n": {"title": "N"}}}]}
    assert simplified(schema) == {
        "title": "T",
        "anyOf": [{"title": "A", "type": "object", "properties": {"n": {}}}],
    }


def test_old_tuples():
    assert x_of(with_defs({"items": [ITEM], "additionalItems": False})) == {
        "prefixItems": [ITEM],
        "items": False,
    }
    dated = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [ITEM]}
    assert simplified(dated) == dated


def references_in(schema):
    found = [schema["$ref"]] if "$ref" in schema else []
    map_subschemas(schema, lambda each, _: found.extend(references_in(each)))
    return found


MODELS = {
    name: kind.schema
    for name, kind in KINDS.items()
    if isinstance(kind.schema, type) and issubclass(kind.schema, BaseModel)
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_reference_points_to_something(model):
    schema = simplified(model.model_json_schema())
    assert [ref for ref in references_in(schema) if resolve(schema, ref) is None] == []


@pytest.mark.parametrize(
    "discriminator", [None, 3, {}, {"propertyName": None}, {"propertyName": "n"}]
)
def test_other_discriminators_require_nothing(discriminator):
    alternatives = [True, {"required": ["n"]}]
    schema = {"oneOf": alternatives, "discriminator": discriminator}
    assert with_tags(schema) == schema
    assert with_tags({"discriminator": {"propertyName": "n"}}) == {
        "discriminator": {"propertyName": "n"}
    }


def test_tags_are_required_in_the_callers_schemas():
    schema = Owner.model_json_schema()
    friends = with_tags(schema)["$defs"]["Dog"]["properties"]["friends"]["items"]
    assert [each["required"] for each in friends["oneOf"]] == [["lives", "kind"], ["kind"]]
    assert schema == Owner.model_json_schema()


def test_recursion_is_not_lost():
    schema = simplified(Expr.model_json_schema())
    assert schema["properties"]["left"]["anyOf"][0] == {"$ref": "#/$defs/Expr"}
    assert schema["type"] == "object"
    assert schema["description"] == "A sum, or a number."
    old = simplified(Old.schema())
    assert old["properties"]["kids"]["items"] == {"$ref": "#/$defs/Old"}
    pets = simplified(Owner.model_json_schema())
    assert (
        pets["$defs"]["Dog"]["properties"]["friends"]["items"]["oneOf"][1]["$ref"] == "#/$defs/Dog"
    )
    assert simplified(Person.model_json_schema()).keys().isdisjoint({"$defs"})


# ---------------------------------------------------------------------------------------- strict


def test_strict_objects_are_closed_and_complete():
    schema = with_defs({"oneOf": [ITEM, {"$ref": "#/$defs/a"}]}, a=ITEM)
    closed = {**ITEM, "required": ["n"], "additionalProperties": False}
    assert strict_schema(schema) == {
        "type": "object",
        "properties": {"x": {"oneOf": [closed, {"$ref": "#/$defs/a"}]}},
        "required": ["x"],
        "additionalProperties": False,
        "$defs": {"a": closed},
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object"},
        {"allOf": [ITEM, {"properties": {"m": {}}}]},
    ],
)
def test_what_cannot_be_closed_stays(schema):
    assert strict_schema(schema) == schema


def test_no_properties_are_closed_too():
    assert strict_schema({"type": "object", "properties": {}}) == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


# --------------------------------------------------------------------------------------- resolve

ROOT: dict[str, Any] = {
    "$defs": {"a/b": {"x": 1}, "c~d": {"x": 2}, "": {"x": 3}, "n": 5},
    "anyOf": [{"x": 4}],
}


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("#", ROOT),
        ("#/$defs/a~1b", {"x": 1}),
        ("#/$defs/c~0d", {"x": 2}),
        ("#/$defs/", {"x": 3}),
        ("#/anyOf/0", {"x": 4}),
        ("#/anyOf/1", None),
        ("#/anyOf/x", None),
        ("#/$defs/n", None),
        ("#/$defs/none", None),
        ("#anchor", None),
        ("other.json#/a", None),
        ("", None),
    ],
)
def test_resolve(ref, expected):
    assert resolve(ROOT, ref) == expected
