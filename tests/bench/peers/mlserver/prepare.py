"""Write MLServer's settings files, and fit and save the scikit-learn model where that is the one to serve.

`prepare.py onnx|sklearn workers`: `workers` is `parallel_workers`, the number of inference processes; 0 answers in the
process that speaks HTTP.
"""

import json
import os
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import GradientBoostingRegressor


def main() -> None:
    kind, workers = sys.argv[1:]
    work = Path(os.environ["BENCH_WORK"])
    settings = {"host": "127.0.0.1", "parallel_workers": int(workers), "debug": False}
    model = {"name": "housing", "implementation": "app.Housing"}
    if kind == "sklearn":
        fit(Path(os.environ["BENCH_MODEL"]), work)
        parameters = {"uri": "model.joblib", "version": "1"}
        model = {"name": "housing", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
    (work / "settings.json").write_text(json.dumps(settings))
    (work / "model-settings.json").write_text(json.dumps(model))


def fit(source: Path, work: Path) -> None:
    """Fit gradient boosting on the housing rows, and note its own answers as the expected ones."""
    table = np.loadtxt(source / "housing.csv", delimiter=",", skiprows=1)
    model = GradientBoostingRegressor(random_state=7).fit(table[:, :-1], table[:, -1])
    joblib.dump(model, work / "model.joblib")
    rows = np.array(json.loads((source / "rows.json").read_text()))
    (work / "expected.json").write_text(json.dumps(model.predict(rows).tolist()))


if __name__ == "__main__":
    main()
