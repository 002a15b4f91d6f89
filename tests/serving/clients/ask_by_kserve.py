"""KServe's own client, as it comes: `python ask_by_kserve.py URL QUESTION.json`, run in KServe's environment.

Prints as JSON what each way of asking brought.
"""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig


async def main() -> None:
    url, question = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    headers = {"X-API-KEY": question["key"]}
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0, timeout=30))
    told = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model ready": await client.is_model_ready(url, "housing", headers=headers),
    }
    rows = np.array(question["housing"], np.float32)
    for binary in (False, True):
        given = InferInput("features", list(rows.shape), "FP32")
        given.set_data_from_numpy(rows, binary_data=binary)
        answer = await client.infer(url, InferRequest("housing", [given]), headers=dict(headers), model_name="housing")
        told[f"housing {binary}"] = answer.outputs[0].as_numpy().tolist()
    for binary in (False, True):
        inputs = []
        for name, datatype, values in question["penguins"]:
            kinds = {"BYTES": object, "FP32": np.float32, "INT64": np.int64}
            given = InferInput(name, [len(values)], datatype)
            given.set_data_from_numpy(np.array(values, kinds[datatype]), binary_data=binary)
            inputs.append(given)
        answer = await client.infer(url, InferRequest("penguins", inputs), headers=dict(headers), model_name="penguins")
        told[f"penguins {binary}"] = [str(label) for label in answer.outputs[0].data]
    plain = {"inputs": [{"name": "x", "shape": list(rows.shape), "datatype": "FP32", "data": rows.tolist()}]}
    answer = await client.infer(url, plain, headers=dict(headers), model_name="housing")
    told["housing plain"] = answer["outputs"][0]["data"] if isinstance(answer, dict) else answer.outputs[0].data
    print(json.dumps(told))


asyncio.run(main())
