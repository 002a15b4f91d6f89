"""Makes no DAG: a model file that is wrong shows as this file's import error in Airflow, and the other DAGs stay."""

from molino.contracts.errors import ModelFileError
from pipelines.model_files import read_model_files

if errors := read_model_files().errors:
    raise ModelFileError("\n".join(errors.values()))
