"""The quick way into a predict body: a decoder made for the release, which checks while it reads.

msgspec compiles the release's features (types, ranges, values, how many) into one decoder, so that a valid request
costs well under a microsecond per row. What it refuses, `serving.inference.validation` looks at again, to name
row and feature and to say what was expected.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from molino.contracts.release import Feature, Release
from serving.features import ServedFeature, serve_features

Row = Sequence[Any]


class BodyDecoder:
    """Reads `{"data": [[…]]}` and `{"records": [{…}]}` of one release."""

    def __init__(self, release: Release, max_rows: int) -> None:
        features = serve_features(release)
        types = [typed(feature) for feature in features]
        self._texts = [position for position, served in enumerate(features) if served.any_text]
        row: Any = tuple[tuple(types)]  # type: ignore[misc]
        record = _record_type(release.features, types)
        sized = Meta(min_length=1, max_length=max_rows)
        body = msgspec.defstruct(
            "Body",
            [
                ("data", Annotated[list[row], sized] | UnsetType, UNSET),
                ("records", Annotated[list[record], sized] | UnsetType, UNSET),  # type: ignore[valid-type]
            ],
            forbid_unknown_fields=True,
        )
        self._decode = msgspec.json.Decoder(body).decode

    def decode(self, body: bytes) -> Sequence[Row] | None:
        """Return rows in feature order, or none where the body has both or neither of its two forms, or a blank text.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: the body isn't JSON, or breaks the release.
        """
        read: Any = self._decode(body)
        if (read.records is UNSET) == (read.data is UNSET):
            return None
        rows = read.data if read.records is UNSET else [msgspec.structs.astuple(record) for record in read.records]
        return None if self._texts and self._has_blank(rows) else rows

    def _has_blank(self, rows: Sequence[Row]) -> bool:
        return any(any(map(str.isspace, filter(None, [row[i] for row in rows]))) for i in self._texts)


def _record_type(features: Sequence[Feature], types: Sequence[Any]) -> Any:
    """Make a struct with a field per feature; fields are named by position, since a feature may be named `class`."""
    required: list[Any] = []
    for position, (feature, kind) in enumerate(zip(features, types, strict=True)):
        field = (f"f{position}", kind)
        required.append(field if feature.missing == "refuse" else (*field, None))
    renamed = {f"f{position}": feature.name for position, feature in enumerate(features)}
    return msgspec.defstruct("Record", required, rename=renamed, forbid_unknown_fields=True, kw_only=True)


def typed(served: ServedFeature) -> Any:
    """Return the type by which msgspec reads a value, none included where the graph fills it in."""
    kind = served.json_type()
    return kind | None if served.feature.missing == "impute" else kind
