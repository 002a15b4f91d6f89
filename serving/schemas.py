"""JSON schemas of bodies and answers, from the features of the releases that are served."""

from collections.abc import Mapping, Sequence
from typing import Any

from molino.contracts.release import Feature, Release
from serving.bounds import read_bounds, read_max_rows
from serving.tensors import ACCEPTED, DATATYPES, NUMBERS

Schema = dict[str, Any]

PROBLEM: Schema = {
    "type": "object",
    "description": "What is wrong, after RFC 9457.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "error": {"type": "string", "description": "The detail again, on routes of the Open Inference Protocol."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["row", "feature", "detail"],
                "properties": {
                    "row": {"type": "integer", "minimum": 0},
                    "feature": {"type": ["string", "null"]},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def feature_schema(release: Release, feature: Feature) -> Schema:
    """Return what a value of one feature may be."""
    schema = _value_schema(release, feature)
    if feature.missing == "impute":
        schema = _nullable(schema)
    words = [feature.description, f"({feature.unit})" if feature.unit else ""]
    description = " ".join(word for word in words if word)
    return {**schema, "description": description} if description else schema


def _value_schema(release: Release, feature: Feature) -> Schema:
    if feature.type == "boolean":
        return {"enum": [True, False, 0, 1]}
    if feature.type == "category":
        if feature.values is not None and feature.unseen == "refuse":
            return {"type": "string", "enum": list(feature.values)}
        known = {"examples": list(feature.values[:20])} if feature.values else {}
        return {"type": "string", "minLength": 1, **known}
    bounds = read_bounds(release, feature)
    return {"type": feature.type, "minimum": _plain(bounds.minimum), "maximum": _plain(bounds.maximum)}


def _nullable(schema: Schema) -> Schema:
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


def _plain(number: float) -> float | int:
    return int(number) if abs(number) <= 2**53 and number == int(number) else number


def predict_body(release: Release) -> Schema:
    """Return what a body of `/predict` may be."""
    features = [feature_schema(release, feature) for feature in release.features]
    sized = {"type": "array", "minItems": 1, "maxItems": read_max_rows(release)}
    row = {"type": "array", "prefixItems": features, "minItems": len(features), "maxItems": len(features)}
    record = {
        "type": "object",
        "required": [feature.name for feature in release.features if feature.missing == "refuse"],
        "properties": {f.name: schema for f, schema in zip(release.features, features, strict=True)},
        "additionalProperties": False,
    }
    return {"oneOf": [_only("data", {**sized, "items": row}), _only("records", {**sized, "items": record})]}


def predict_answer(release: Release) -> Schema:
    """Return what an answer of `/predict` is."""
    properties: Schema = {
        "predictions": {"type": "array", "items": {"type": "number"}},
        "model": closed({"name": {"const": release.name}, "version": {"type": "string"}}),
        "request_id": {"type": "string"},
    }
    if release.classes:
        share = {"type": "number", "minimum": -1e-6, "maximum": 1.000001}
        properties["predictions"] = {"type": "array", "items": {"enum": list(release.classes)}}
        properties["probabilities"] = {"type": "array", "items": closed(dict.fromkeys(release.classes, share))}
    return closed(properties)


def inference_body(release: Release) -> Schema:
    """Return what a body of the Open Inference Protocol may be.

    JSON Schema can't say that shapes and data fit together, so this says no more than their types.
    """
    inputs = [_input_schema(release, tensor.name) for tensor in release.signature.inputs]
    outputs = [tensor.name for tensor in release.signature.outputs]
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "minItems": len(inputs), "maxItems": len(inputs), "items": {"anyOf": inputs}},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"enum": outputs}, "parameters": {"type": "object"}},
                    "additionalProperties": False,
                },
            },
        },
        "additionalProperties": False,
    }


def inference_answer(release: Release) -> Schema:
    """Return what an answer of the Open Inference Protocol is."""
    output = {
        "name": {"enum": [tensor.name for tensor in release.signature.outputs]},
        "datatype": {"enum": sorted(DATATYPES.values())},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {"type": "array", "items": {"type": ["number", "string"]}},
    }
    return closed(
        {
            "model_name": {"const": release.name},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": closed(output)},
        }
    )


def closed(properties: Mapping[str, Any]) -> Schema:
    """Return an object that has exactly these properties."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _only(key: str, schema: Schema) -> Schema:
    return {"title": key, **closed({key: schema})}


def _input_schema(release: Release, name: str) -> Schema:
    feature = next((feature for feature in release.features if feature.name == name), None)
    datatypes: Sequence[str] = sorted(ACCEPTED[feature.type] if feature else NUMBERS)
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": name},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 2},
            "datatype": {"enum": datatypes},
            "parameters": {"type": "object"},
            "data": {"type": "array"},
        },
        "additionalProperties": False,
    }
