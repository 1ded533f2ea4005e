"""MLflow: runs, metrics, registry, champions. Its only importer."""
