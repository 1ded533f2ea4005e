"""A registered model's folder and paths, bytes or texts in; answers out. Needs neither Dagster nor MLflow nor a state folder."""

from unified_assets.inference.predictor import Predictor, load

__all__ = ["Predictor", "load"]
