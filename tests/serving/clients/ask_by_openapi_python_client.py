"""A client that openapi-python-client has generated: `python ask_by_openapi_python_client.py URL QUESTION.json`.

Run in the generator's environment, with the generated package `generated` on its path. Prints as JSON what it brought.
"""

import json
import sys
from pathlib import Path

from generated import AuthenticatedClient
from generated.api.housing import post_models_housing_predict, post_v2_models_housing_infer
from generated.api.penguins import post_models_penguins_explain, post_models_penguins_predict
from generated.api.server import get_models, get_ready
from generated.models import (
    PostModelsHousingPredictData,
    PostModelsPenguinsExplainRecords,
    PostModelsPenguinsPredictRecords,
    PostV2ModelsHousingInferBody,
    Problem,
)


def main() -> None:
    url, question = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    client = AuthenticatedClient(url, question["key"], prefix="", auth_header_name="X-API-KEY")
    rows = question["housing"]
    names = [name for name, _, _ in question["penguins"]]
    records = [
        dict(zip(names, row, strict=True)) for row in zip(*(values for *_, values in question["penguins"]), strict=True)
    ]
    features = {"name": "features", "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": rows}
    tensors = PostV2ModelsHousingInferBody.from_dict({"inputs": [features]})
    asked = PostModelsPenguinsPredictRecords.from_dict({"records": records})
    explained = post_models_penguins_explain.sync(
        client=client, body=PostModelsPenguinsExplainRecords.from_dict({"records": records})
    )
    wrong = post_models_housing_predict.sync(client=client, body=PostModelsHousingPredictData([[1.0]]))
    told = {
        "ready": get_ready.sync_detailed(client=client).status_code,
        "models": get_models.sync_detailed(client=client).status_code,
        "housing": post_models_housing_predict.sync(client=client, body=PostModelsHousingPredictData(rows)).predictions,
        "penguins": post_models_penguins_predict.sync(client=client, body=asked).predictions,
        "explained": [explanation.prediction for explanation in explained.explanations],
        "infer": post_v2_models_housing_infer.sync(client=client, body=tensors).outputs[0].data,
        "problem": wrong.status if isinstance(wrong, Problem) else None,
    }
    print(json.dumps(told))


main()
