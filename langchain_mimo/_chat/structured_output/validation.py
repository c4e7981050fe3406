"""Checks values against JSON schemas, with the jsonschema-rs library. Nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from jsonschema_rs import Validator

_MAX_VALIDATORS = 64


def schema_error(schema: Mapping[str, Any]) -> str | None:
    """Return why a schema cannot be used, or None.

    Args:
        schema: The schema; its `$ref` may point into it only.
    """
    try:
        _validator(_key(schema))
    except (ValueError, TypeError) as error:
        return str(error).partition("\n")[0][:300]
    return None


def first_mismatch(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return where and how a value does not satisfy a schema, or None.

    Args:
        schema: A schema that can be used, else nothing is checked.
        value: The parsed JSON.
    """
    try:
        error = next(_validator(_key(schema)).iter_errors(value), None)
    except (ValueError, TypeError, OverflowError):
        return None
    if error is None:
        return None
    path = ".".join(map(str, error.instance_path))
    return f"{path}: {error.message}" if path else str(error.message)


def _key(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema)


@lru_cache(maxsize=_MAX_VALIDATORS)
def _validator(schema: str) -> Validator:
    import jsonschema_rs  # noqa: PLC0415 - 8 ms that most programs need not spend

    return jsonschema_rs.validator_for(json.loads(schema), retriever=_refuse_download)


def _refuse_download(uri: str) -> NoReturn:
    msg = f"schemas are not downloaded: {uri}"
    raise ValueError(msg)
