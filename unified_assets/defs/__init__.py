"""The only Dagster code: assets, checks, resources, jobs, sensors, partitions, preload. Importing the package itself costs nothing."""
