"""JSON schemas of bodies and answers, from the features of the releases that are served."""

from collections.abc import Mapping, Sequence
from typing import Any

from molino.contracts.release import Release
from serving.features import ServedFeature, serve_features
from serving.features.base import NUMBERS
from serving.inference.bounds import read_max_rows
from serving.inference.tensors import DATATYPES, describe

Schema = dict[str, Any]
WIDE = 1e12
"""A range so wide says nothing of what is usual."""

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


def feature_schema(served: ServedFeature) -> Schema:
    """Return what a value of one feature may be."""
    schema, feature = served.schema(), served.feature
    if feature.missing == "impute":
        schema = _nullable(schema)
    words = [feature.description, f"({feature.unit})" if feature.unit else ""]
    description = " ".join(word for word in words if word)
    return {**schema, "description": description} if description else schema


def made_up_value(served: ServedFeature) -> Any:
    """Return a value that the feature may have, made of its range or list alone and of no row."""
    schema, feature = served.schema(), served.feature
    schema = next(iter(schema.get("anyOf", [schema])))
    listed = schema.get("enum") or schema.get("examples")
    if listed:
        return listed[0]
    if schema.get("type") not in ("number", "integer"):
        return schema.get("type") == "boolean" or "text"
    low = schema["minimum"] if feature.minimum is None else feature.minimum
    high = schema["maximum"] if feature.maximum is None else feature.maximum
    middle = min(max(1, low), high) if high - low > WIDE else (low + high) / 2
    return int(middle) if schema["type"] == "integer" or middle == int(middle) else float(f"{middle:.6g}")


def made_up_tensors(release: Release) -> Schema:
    """Return a body of the Open Inference Protocol with one row of made-up values."""
    served = serve_features(release)
    values = [made_up_value(feature) for feature in served]
    signature = release.signature
    if signature.layout == "matrix":
        data = [int(value) if isinstance(value, bool) else value for value in values]
        (tensor,) = signature.inputs
        return {"inputs": [{**describe(tensor), "shape": [1, len(data)], "data": data}]}
    asked = {feature.feature.name: (feature.datatype, value) for feature, value in zip(served, values, strict=True)}
    return {
        "inputs": [
            {**describe(tensor, asked[tensor.name][0]), "shape": [1], "data": [asked[tensor.name][1]]}
            for tensor in signature.inputs
        ]
    }


def _nullable(schema: Schema) -> Schema:
    if "enum" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


def predict_body(release: Release, most_rows: int | None = None) -> Schema:
    """Return what a body of `/predict` may be, or one of fewer rows."""
    features = [feature_schema(served) for served in serve_features(release)]
    sized = {"type": "array", "minItems": 1, "maxItems": most_rows or read_max_rows(release)}
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
    answer = closed(properties)
    if release.intervals is not None:
        ends = closed({end: {"type": "number"} for end in ("low", "high")})
        level = {"const": release.intervals.level}
        answer["properties"]["intervals"] = closed({"level": level, "rows": {"type": "array", "items": ends}})
    return answer


def predict_parameters(release: Release) -> list[Schema]:
    """Return what the query of `/predict` may say."""
    if release.intervals is None:
        return []
    told = f"Answer prediction intervals too, which hold the target of the share {release.intervals.level:g} of rows."
    schema = {"type": "boolean", "default": False}
    return [{"name": "intervals", "in": "query", "required": False, "description": told, "schema": schema}]


def explain_answer(release: Release) -> Schema:
    """Return what an answer of `/explain` is."""
    number = {"type": "number"}
    prediction = {"enum": list(release.classes)} if release.classes else number
    moved = closed(dict.fromkeys((feature.name for feature in release.features), number))
    one = closed({"prediction": prediction, "value": number, "base": number, "contributions": moved})
    return closed(
        {
            "explanations": {"type": "array", "items": one},
            "model": closed({"name": {"const": release.name}, "version": {"type": "string"}}),
            "request_id": {"type": "string"},
        }
    )


def inference_body(release: Release) -> Schema:
    """Return what a body of the Open Inference Protocol may be.

    JSON Schema can't say that shapes and data fit together, so this says no more than their types.
    """
    inputs = [_input_schema(release, tensor.name) for tensor in release.signature.inputs]
    filled = {feature.name for feature in release.features if feature.missing == "impute"}
    least = sum(tensor.name not in filled for tensor in release.signature.inputs)
    outputs = [tensor.name for tensor in release.signature.outputs]
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": ["string", "null"]},
            "parameters": {"type": ["object", "null"]},
            "inputs": {"type": "array", "minItems": max(least, 1), "maxItems": len(inputs), "items": {"anyOf": inputs}},
            "outputs": {
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"enum": outputs}, "parameters": {"type": ["object", "null"]}},
                },
            },
        },
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
    found = (served.datatypes for served in serve_features(release) if served.feature.name == name)
    datatypes: Sequence[str] = sorted(NUMBERS if release.signature.layout == "matrix" else next(found))
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": name},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 2},
            "datatype": {"enum": datatypes},
            "parameters": {"type": ["object", "null"]},
            "data": {"type": "array", "items": {}},
        },
    }
