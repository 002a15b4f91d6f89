"""The protocol's own generated client: `python ask_by_open_inference.py URL QUESTION.json`, run in its environment.

Prints as JSON what it brought.
"""

import json
import sys
from pathlib import Path

import httpx
from open_inference.openapi.client import InferenceRequest, InferenceResponse, OpenInferenceClient


def values(answer: InferenceResponse) -> object:
    return json.loads(answer.outputs[0].data.json())


def main() -> None:
    url, question = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    keyed = httpx.Client(headers={"X-API-KEY": question["key"]}, timeout=30)
    client = OpenInferenceClient(base_url=url, httpx_client=keyed)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("housing")
    client.check_model_version_readiness("housing", "1")
    rows = question["housing"]
    inputs = [{"name": "features", "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": rows}]
    columns = [
        {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}
        for name, datatype, values in question["penguins"]
    ]
    told = {
        "server": client.read_server_metadata().name,
        "model": client.read_model_metadata("housing").inputs[0].name,
        "version": client.read_model_version_metadata("housing", "1").name,
        "housing": values(client.model_infer("housing", request=InferenceRequest(inputs=inputs))),
        "housing 1": values(client.model_version_infer("housing", "1", request=InferenceRequest(inputs=inputs))),
        "penguins": values(client.model_infer("penguins", request=InferenceRequest(inputs=columns))),
    }
    print(json.dumps(told))


main()
