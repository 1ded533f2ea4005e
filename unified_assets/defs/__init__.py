"""The only Dagster code: assets, checks, resources, jobs, sensors, partitions, preload."""
