"""Schemas of every kind that people pass to `with_structured_output` and `bind_tools`.

Import it as `schema_kinds`: tests/helpers is on pytest's pythonpath. `KINDS` has, by name, a schema,
a strategy of its values, and how a value is written as JSON.
"""

import datetime as dt
import enum
import json
import typing
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar

import pydantic.dataclasses
import typing_extensions as te
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.v1 import BaseModel as BaseModelV1
from pydantic.v1 import Field as FieldV1

T = TypeVar("T")


@dataclass
class Kind:
    """A schema, its values and their JSON."""

    schema: Any
    values: st.SearchStrategy[Any]
    dump: Callable[[Any], str]
    name: str
    requires_all: bool = True


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    """Where somebody lives."""

    street: str = Field(min_length=1, max_length=20)
    number: int = Field(default=1, ge=1, lt=1000)


class Person(BaseModel):
    """A person with fields of many types."""

    title: str
    age: Annotated[int, Field(gt=0, description="In years.")]
    home: Address
    other: Address | None = None
    colours: list[Colour] = [Colour.RED]
    size: Literal["small", 3] | None = "small"
    key: str | int | list[str] = "none"
    scores: dict[str, float] = {}
    by_number: dict[int, Address] = {}
    pair: tuple[int, str] = (1, "a")
    tags: set[str] = set()
    born: dt.date | None = None
    seen: dt.datetime = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
    waited: dt.timedelta = dt.timedelta(0)
    price: Decimal = Decimal("1.5")
    token: uuid.UUID = uuid.UUID(int=1)
    parent: Address = Address(street="default")


class Strict(BaseModel):
    """Takes dates from JSON texts only."""

    model_config = ConfigDict(strict=True, extra="forbid")
    born: dt.date
    token: uuid.UUID
    pair: tuple[int, int]
    colour: Colour


class Aliased(BaseModel):
    """Has names that are no Python."""

    model_config = ConfigDict(populate_by_name=True)
    ref: str = Field(alias="$ref")
    defs: dict[str, str] = Field(alias="$defs")
    properties: str = Field(alias="properties")
    discriminator: int


class OldPart(BaseModelV1):
    """A part."""

    number: int


class Old(BaseModelV1):
    """A model of pydantic 1."""

    part: OldPart = FieldV1(..., description="the part")
    pair: tuple[int, str]
    kids: list["Old"] = []


Old.update_forward_refs()


class Expr(BaseModel):
    """A sum, or a number."""

    left: Optional["Expr"] = None
    right: Optional["Expr"] = None
    value: int | None = Field(default=None, description="The number.")


class Folder(BaseModel):
    """A folder."""

    files: list["File"] = []


class File(BaseModel):
    """A file."""

    name: str
    inside: Folder | None = None


Folder.model_rebuild()


class Tree(BaseModel):
    """A tree."""

    children: list["Tree"] = []
    named: dict[str, "Tree"] = {}


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    friends: list["Pet"] = []


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Owner(BaseModel):
    """Has pets."""

    pet: Pet


class Plain(BaseModel):
    """Has one of two, told apart."""

    animal: Annotated[Cat | Address, Field(union_mode="left_to_right")]


class Circle(BaseModel):
    shape: Literal["circle"] = "circle"
    radius: float


class Square(BaseModel):
    shape: Literal["square"] = "square"
    side: float


class Drawing(BaseModel):
    """A drawing."""

    shapes: list[Annotated[Circle | Square, Field(discriminator="shape")]]


class Box(BaseModel, Generic[T]):
    """A box."""

    content: T


class Titled(BaseModel):
    """Has a title with blanks."""

    model_config = ConfigDict(title="My nice title!")
    value: int


class Größe(BaseModel):  # noqa: PLC2401
    """Hat einen deutschen Namen."""

    breite: int


@dataclass
class Point:
    """A point."""

    x: int
    label: str | None = None
    nexts: "list[Point]" = field(default_factory=list)


@pydantic.dataclasses.dataclass
class Line:
    """A line."""

    start: Point
    born: dt.date


@dataclass
class Pair(Generic[T]):
    """A pair."""

    first: T
    second: T


class OptionalKeys(te.TypedDict, total=False):
    """Has no required key."""

    city: str
    note: Annotated[str, ..., "a remark"]


class MixedKeys(te.TypedDict):
    """Has keys of all sorts."""

    city: te.ReadOnly[str]
    size: te.NotRequired[int]
    kind: Annotated[te.NotRequired[Literal["a", "b"]], "which"]
    inner: te.Required[OptionalKeys]
    many: te.NotRequired[list[OptionalKeys]]
    count: Annotated[int | None, None, "how many"]


class TypingKeys(typing.TypedDict, total=False):
    """Comes from typing."""

    city: typing.Required[str]
    rest: "list[TypingKeys] | None"
    note: Annotated[str, ..., "a remark"]


class TypingMixed(typing.TypedDict):
    """Comes from typing too."""

    inner: TypingKeys
    more: typing.NotRequired[dict[str, TypingKeys]]


class TypedTree(te.TypedDict):
    """A tree of dicts."""

    value: int
    children: "te.NotRequired[list[TypedTree]]"


class TypedBox(te.TypedDict, Generic[T]):
    """A box of dicts."""

    content: T


FLAT = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "size": {"enum": [1, 2]}},
    "required": ["title"],
}
WITH_DEFS = {
    "title": "Order",
    "description": "An order.",
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        "gift": {"anyOf": [{"$ref": "#/$defs/item"}, {"type": "null"}]},
    },
    "required": ["items"],
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "parts": {"$ref": "#/$defs/parts"}},
            "required": ["name"],
        },
        "parts": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
}
SELF = {
    "title": "Node",
    "type": "object",
    "properties": {"next": {"$ref": "#"}, "value": {"type": "integer"}},
    "required": ["value"],
    "additionalProperties": False,
}
BY_REF = {**Expr.model_json_schema(), "title": "Sum"}


# ------------------------------------------------------------------------------------ strategies

words = st.text(max_size=6)
numbers = st.integers(-100, 100)
floats = st.floats(-1e6, 1e6)
dates = st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))
addresses = st.builds(Address, street=st.text(min_size=1, max_size=20), number=st.integers(1, 999))
people = st.builds(
    Person,
    title=words,
    age=st.integers(1, 200),
    home=addresses,
    other=st.none() | addresses,
    colours=st.lists(st.sampled_from(Colour), max_size=3),
    size=st.sampled_from(["small", 3, None]),
    key=words | numbers | st.lists(words, max_size=2),
    scores=st.dictionaries(words, floats, max_size=2),
    by_number=st.dictionaries(numbers, addresses, max_size=2),
    pair=st.tuples(numbers, words),
    tags=st.sets(words, max_size=2),
    born=st.none() | dates,
    seen=st.datetimes(timezones=st.just(dt.UTC)),
    waited=st.timedeltas(dt.timedelta(0), dt.timedelta(days=9)),
    price=st.decimals(-1000, 1000, places=2),
    token=st.uuids(),
    parent=addresses,
)
points = st.recursive(
    st.builds(Point, x=numbers, label=st.none() | words),
    lambda inner: st.builds(Point, x=numbers, nexts=st.lists(inner, max_size=2)),
    max_leaves=4,
)
folders = st.recursive(
    st.builds(Folder),
    lambda inner: st.builds(
        Folder, files=st.lists(st.builds(File, name=words, inside=inner), max_size=2)
    ),
    max_leaves=4,
)
pets = st.recursive(
    st.builds(Cat, lives=numbers),
    lambda inner: st.builds(Dog, friends=st.lists(inner, max_size=2)),
    max_leaves=4,
)
exprs = st.recursive(
    st.builds(Expr, value=st.none() | numbers),
    lambda inner: st.builds(Expr, left=st.none() | inner, right=inner),
    max_leaves=4,
)
olds = st.recursive(
    st.builds(Old, part=st.builds(OldPart, number=numbers), pair=st.tuples(numbers, words)),
    lambda inner: st.builds(
        Old,
        part=st.builds(OldPart, number=numbers),
        pair=st.tuples(numbers, words),
        kids=st.lists(inner, max_size=2),
    ),
    max_leaves=3,
)
trees = st.recursive(
    st.builds(Tree),
    lambda inner: st.builds(
        Tree,
        children=st.lists(inner, max_size=2),
        named=st.dictionaries(words, inner, max_size=2),
    ),
    max_leaves=4,
)
optional_keys = st.fixed_dictionaries({}, optional={"city": words, "note": words})
typing_keys = st.recursive(
    st.fixed_dictionaries({"city": words}, optional={"note": words, "rest": st.none()}),
    lambda inner: st.fixed_dictionaries({"city": words}, optional={"rest": st.lists(inner)}),
    max_leaves=4,
)
typed_trees = st.recursive(
    st.fixed_dictionaries({"value": numbers}),
    lambda inner: st.fixed_dictionaries(
        {"value": numbers}, optional={"children": st.lists(inner, max_size=2)}
    ),
    max_leaves=4,
)
order_items = st.recursive(
    st.fixed_dictionaries({"name": words}),
    lambda inner: st.fixed_dictionaries(
        {"name": words}, optional={"parts": st.lists(inner, max_size=2)}
    ),
    max_leaves=4,
)
nodes = st.recursive(
    st.fixed_dictionaries({"value": numbers}),
    lambda inner: st.fixed_dictionaries({"value": numbers}, optional={"next": inner}),
    max_leaves=4,
)
shapes = st.builds(Circle, radius=floats) | st.builds(Square, side=floats)


def of_model(value):
    return value.model_dump_json(by_alias=True)


def of_old(value):
    return value.json()


def of_dataclass(schema):
    return lambda value: TypeAdapter(schema).dump_json(value).decode()


def model(schema, values, name=None, **more):
    return Kind(schema, values, of_model, name or schema.__name__, **more)


def keys(schema, values, name, *, requires_all=False):
    return Kind(schema, values, json.dumps, name, requires_all)


KINDS = {
    "many types": model(Person, people),
    "strict model": model(
        Strict,
        st.builds(
            Strict,
            born=dates,
            token=st.uuids(),
            pair=st.tuples(numbers, numbers),
            colour=st.sampled_from(Colour),
        ),
    ),
    "names of keywords": model(
        Aliased,
        st.builds(
            Aliased,
            ref=words,
            defs=st.dictionaries(words, words, max_size=2),
            properties=words,
            discriminator=numbers,
        ),
    ),
    "pydantic 1": Kind(Old, olds, of_old, "Old"),
    "recursive": model(Expr, exprs),
    "mutually recursive": model(Folder, folders),
    "recursive in list and dict": model(Tree, trees),
    "discriminated and recursive": model(Owner, st.builds(Owner, pet=pets)),
    "discriminated": model(Drawing, st.builds(Drawing, shapes=st.lists(shapes, max_size=3))),
    "union": model(Plain, st.builds(Plain, animal=st.builds(Cat, lives=numbers) | addresses)),
    "generic": model(Box[int], st.builds(Box[int], content=numbers), "Box[int]"),
    "generic of a model": model(
        Box[list[Address]],
        st.builds(Box[list[Address]], content=st.lists(addresses, max_size=2)),
        "Box[list[Address]]",
    ),
    "title with blanks": model(Titled, st.builds(Titled, value=numbers), "My nice title!"),
    "name with umlauts": model(Größe, st.builds(Größe, breite=numbers)),
    "dataclass": Kind(Point, points, of_dataclass(Point), "Point"),
    "pydantic dataclass": Kind(
        Line, st.builds(Line, start=points, born=dates), of_dataclass(Line), "Line"
    ),
    "generic dataclass": Kind(
        Pair[int],
        st.builds(Pair, first=numbers, second=numbers),
        lambda value: json.dumps(asdict(value)),
        "Pair[int]" if hasattr(Pair[int], "__pydantic_generic_metadata__") else "Pair",
    ),
    "optional keys": keys(OptionalKeys, optional_keys, "OptionalKeys"),
    "mixed keys": keys(
        MixedKeys,
        st.fixed_dictionaries(
            {"city": words, "inner": optional_keys},
            optional={
                "size": numbers,
                "kind": st.sampled_from("ab"),
                "many": st.lists(optional_keys, max_size=2),
                "count": st.none() | numbers,
            },
        ),
        "MixedKeys",
    ),
    "keys of typing": keys(TypingKeys, typing_keys, "TypingKeys"),
    "mixed keys of typing": keys(
        TypingMixed,
        st.fixed_dictionaries(
            {"inner": typing_keys},
            optional={"more": st.dictionaries(words, typing_keys, max_size=2)},
        ),
        "TypingMixed",
    ),
    "recursive keys": keys(TypedTree, typed_trees, "TypedTree"),
    "generic keys": keys(
        TypedBox[int], st.fixed_dictionaries({"content": numbers}), "TypedBox", requires_all=True
    ),
    "JSON schema without a title": keys(
        FLAT,
        st.fixed_dictionaries({"title": words}, optional={"size": st.sampled_from([1, 2])}),
        "answer",
    ),
    "JSON schema with definitions": keys(
        WITH_DEFS,
        st.fixed_dictionaries(
            {"items": st.lists(order_items, max_size=2)},
            optional={"gift": st.none() | order_items},
        ),
        "Order",
    ),
    "JSON schema of itself": keys(SELF, nodes, "Node"),
    "JSON schema by reference": keys(
        BY_REF, exprs.map(lambda value: json.loads(of_model(value))), "Sum"
    ),
}

HOME = Address(street="Karl Johans gate", number=3)
CITY = {"city": "Oslo", "note": "{wet}"}
ITEM = {"name": "bread", "parts": [{"name": "flour", "parts": []}]}
SAMPLES = {
    "many types": Person(
        title="Dr",
        age=40,
        home=HOME,
        other=HOME,
        colours=[Colour.BLUE],
        size=None,
        key=["[1]", "b"],
        scores={"a": 0.5},
        by_number={7: HOME},
        pair=(2, "é"),
        tags={"x"},
        born=dt.date(1980, 5, 6),
        waited=dt.timedelta(hours=30),
        price=Decimal("-0.25"),
    ),
    "strict model": Strict(
        born=dt.date(1980, 5, 6), token=uuid.UUID(int=7), pair=(1, 2), colour=Colour.RED
    ),
    "names of keywords": Aliased(ref="#/a", defs={"a": "b"}, properties="p", discriminator=1),
    "pydantic 1": Old(
        part=OldPart(number=1), pair=(1, "a"), kids=[Old(part=OldPart(number=2), pair=(2, "b"))]
    ),
    "recursive": Expr(left=Expr(value=1), right=Expr(left=Expr(value=2))),
    "mutually recursive": Folder(files=[File(name="a", inside=Folder(files=[File(name="b")]))]),
    "recursive in list and dict": Tree(children=[Tree()], named={"a": Tree(children=[Tree()])}),
    "discriminated and recursive": Owner(pet=Dog(friends=[Cat(lives=9), Dog()])),
    "discriminated": Drawing(shapes=[Circle(radius=0.5), Square(side=2)]),
    "union": Plain(animal=HOME),
    "generic": Box[int](content=1),
    "generic of a model": Box[list[Address]](content=[HOME]),
    "title with blanks": Titled(value=1),
    "name with umlauts": Größe(breite=1),
    "dataclass": Point(1, nexts=[Point(2, "b")]),
    "pydantic dataclass": Line(start=Point(1), born=dt.date(1980, 5, 6)),
    "generic dataclass": Pair(1, 2),
    "optional keys": {"note": "n"},
    "mixed keys": {"city": "Oslo", "inner": {}, "many": [CITY, {}], "kind": "a"},
    "keys of typing": {"city": "Oslo", "rest": [{"city": "Bergen", "rest": None}]},
    "mixed keys of typing": {"inner": {"city": "Oslo"}, "more": {"a": CITY}},
    "recursive keys": {"value": 1, "children": [{"value": 2, "children": []}]},
    "generic keys": {"content": 1},
    "JSON schema without a title": {"title": "t", "size": 2},
    "JSON schema with definitions": {"items": [ITEM], "gift": None},
    "JSON schema of itself": {"value": 1, "next": {"value": 2}},
    "JSON schema by reference": {"left": {"value": 1}, "right": {"left": None}},
}
"""One value of each kind, most of them with objects or arrays in it."""
