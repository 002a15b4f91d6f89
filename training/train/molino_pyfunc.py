"""How `mlflow.pyfunc` asks a Molino graph about a DataFrame. Kept beside the graph, and so free of Molino itself.

MLflow's own ONNX wrapper hands columns over as they are: it fails on integers and booleans where the graph takes 32-bit
floats, and on missing values. Here columns are found by name and cast as the serving API casts them.
"""

import re
import unicodedata
from datetime import time
from pathlib import Path
from typing import Any

CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(?: ?([AaPp])\.?[Mm]\.?)?", re.ASCII)


class FrameModel:
    """An ONNX graph that is asked about DataFrames with a column per feature."""

    def __init__(self, path: Path) -> None:
        import onnxruntime
        import yaml

        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        described = yaml.safe_load((path.parent / "MLmodel").read_text())
        self.features: list[str] = described["metadata"]["molino_features"]
        self.hours: dict[str, int] = described["metadata"].get("molino_hours", {})
        """Of dates and times: hours of a step of the numbers that enter the graph."""
        self.clocks: list[str] = described["metadata"].get("molino_clocks", [])
        """Times of a day, whose seconds since midnight enter the graph."""
        self.texts: list[str] = described["metadata"].get("molino_texts", [])
        """Features whose words enter the graph."""

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> Any:
        """Answer a DataFrame with a DataFrame: `prediction`, or `label` and the classes' probabilities."""
        import numpy as np
        import pandas as pd

        del params
        inputs = self.session.get_inputs()
        if len(inputs) == 1 and len(inputs[0].shape) == 2:
            feeds = {inputs[0].name: np.stack([_floats(frame[name]) for name in self.features], axis=1)}
        else:
            casts = {"tensor(string)": _strings, "tensor(float)": _floats}
            feeds = {
                one.name: _steps(frame[one.name], self.hours[one.name])
                if one.name in self.hours
                else _seconds(frame[one.name])
                if one.name in self.clocks
                else (_words if one.name in self.texts else casts[one.type])(frame[one.name])
                for one in inputs
            }
        names = [one.name for one in self.session.get_outputs()]
        return pd.DataFrame(dict(zip(names, self.session.run(names, feeds), strict=True)), index=frame.index)


def _load_pyfunc(path: str) -> FrameModel:
    """Load the graph at a path: the name and form that MLflow asks of a loader."""
    return FrameModel(Path(path))


def _floats(column: Any) -> Any:
    """Return numbers or booleans as 32-bit floats, a missing one as NaN."""
    import pandas as pd

    return pd.to_numeric(column).to_numpy("float64", na_value=float("nan")).astype("float32")


def _steps(column: Any, hours: int) -> Any:
    """Return dates, times or their ISO texts as whole steps of so many hours since 2000-01-01, a missing one as NaN."""
    import pandas as pd

    texts = column.map(lambda cell: cell.strip().replace("/", "-") if isinstance(cell, str) else cell)
    moments = pd.to_datetime(texts, format="ISO8601", utc=True)
    steps = (moments - pd.Timestamp("2000-01-01", tz="UTC")) // pd.Timedelta(hours=hours)
    return steps.to_numpy("float64", na_value=float("nan")).astype("float32")


def _seconds(column: Any) -> Any:
    """Return times of a day or their texts as whole seconds since midnight, a missing one as NaN."""
    import numpy as np

    return np.array(
        [np.nan if missing else seconds_in(cell) for cell, missing in zip(column, column.isna(), strict=True)],
        "float32",
    )


def seconds_in(cell: Any) -> int:
    """Return what `molino.contracts.clock` makes of a time of a day or its text.

    Raises:
        ValueError: it is none.
    """
    found = CLOCK.fullmatch(str(cell).strip())
    if found is None:
        raise ValueError(f"expected a time of a day such as 10:30, got {cell!r}")
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + 12 * (found[4] in "Pp") if 1 <= hour <= 12 else 24
    clock = time(hour, int(found[2]), int(found[3] or 0))
    return 3600 * clock.hour + 60 * clock.minute + clock.second


def _strings(column: Any) -> Any:
    """Return categories as tidy strings, as ingest has them; a missing one as the empty string."""
    import numpy as np

    return np.array(
        ["" if missing else _tidied(str(value)) for value, missing in zip(column, column.isna(), strict=True)], object
    )


def _words(column: Any) -> Any:
    """Return texts as their words; a missing one as the empty string."""
    import numpy as np

    return np.array(
        ["" if missing else words_of(str(value)) for value, missing in zip(column, column.isna(), strict=True)], object
    )


def words_of(text: str) -> str:
    """Return what `molino.contracts.words.words_of` does."""
    before = None
    while text != before:
        before, text = text, unicodedata.normalize("NFC", text.casefold())
    return " ".join("".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in text).split())


def _tidied(text: str) -> str:
    """Return what `molino.contracts.tidy.tidied` does."""
    return unicodedata.normalize("NFC", text.strip())
