"""What MLflow loads as `models:/<model>@champion`: files, contents, texts or a table of them in, answers out.

Logged as code (MLflow runs this file when the model is loaded), with our package beside it and weights as safetensors: no pickle.
"""

import warnings
from pathlib import Path
from typing import Any

import mlflow

from unified_assets.core.settings import Settings
from unified_assets.tracking.served_input import Request, root_of, serves

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # MLflow wants type hints on `predict`, and takes them for a schema of the input

    class ServedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
        """One registered version."""

        def load_context(self, context: Any) -> None:
            """Read weights and blueprint, and which files requests may name."""
            from unified_assets.inference import load

            self.predictor = load(Path(context.artifacts["model"]))
            self.root = root_of(Settings())

        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG002
            """One answer an item: a list of dicts for a list, a table for a table. `params={"task": …}` names the task."""
            request = Request(root=self.root, media=self.predictor.spec.encoders, own=self.root is None and not serves())
            answers = self.predictor.predict(request.items_of(model_input), (params or {}).get("task") or None)
            if hasattr(model_input, "columns"):
                import pandas as pd  # type: ignore[import-untyped]

                return pd.DataFrame(answers, index=model_input.index)
            return answers


mlflow.models.set_model(ServedModel())
