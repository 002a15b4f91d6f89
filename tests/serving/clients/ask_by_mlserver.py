"""MLServer's codecs around plain HTTP: `python ask_by_mlserver.py URL QUESTION.json`, run in MLServer's environment.

Prints as JSON what each codec brought.
"""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

URL, QUESTION = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())


def infer(model: str, request: InferenceRequest) -> InferenceResponse:
    headers = {"X-API-KEY": QUESTION["key"], "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{URL}/v2/models/{model}/infer", request.model_dump_json().encode(), headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return InferenceResponse.model_validate_json(answer.read())


def main() -> None:
    rows = np.array(QUESTION["housing"], np.float32)
    frame = pd.DataFrame({name: values for name, _, values in QUESTION["penguins"]})
    frame = frame.astype({name: object for name, datatype, _ in QUESTION["penguins"] if datatype == "BYTES"})
    columns: list[Any] = [
        StringCodec.encode_input(name, values)
        if datatype == "BYTES"
        else NumpyCodec.encode_input(name, np.array(values, {"FP32": np.float32, "INT64": np.int64}[datatype]))
        for name, datatype, values in QUESTION["penguins"]
    ]
    told = {
        "numpy request": NumpyRequestCodec.decode_response(infer("housing", NumpyRequestCodec.encode_request(rows))),
        "numpy output": NumpyCodec.decode_output(
            infer("housing", InferenceRequest(inputs=[NumpyCodec.encode_input("features", rows)])).outputs[0]
        ),
    }
    answered = {name: values.ravel().tolist() for name, values in told.items()}
    for name, request in (
        ("pandas", PandasCodec.encode_request(frame)),
        ("pandas without bytes", PandasCodec.encode_request(frame, use_bytes=False)),
        ("columns", InferenceRequest(inputs=columns)),
    ):
        answer = infer("penguins", request)
        answered[name] = PandasCodec.decode_response(answer)["label"].astype(str).tolist()
        answered[f"{name}, string"] = StringCodec.decode_output(answer.outputs[0])
    print(json.dumps(answered))


main()
