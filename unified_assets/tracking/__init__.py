"""MLflow runs and registry, the champion rule, and the small mirrors of them that `status` reads without MLflow.

The only importer of mlflow, and that inside functions: importing this package costs nothing.
"""
