from unified_assets.compute.monitor import Sample
from unified_assets.defs.sink import system_metrics


def test_samples_of_the_machine_go_by_the_names_that_mlflow_shows_as_system_metrics():
    found = Sample(at=1.0, load=1.5, cpu_share=0.25, memory_used_gib=2.0, step_memory_gib=0.5, gpu_used_gib=(1.0, 0.0), disk_free_gib=4.0)
    gib = 1073.741824  # MB
    assert system_metrics(found) == {
        "system/cpu_utilization_percentage": 25.0,
        "system/load_average": 1.5,
        "system/system_memory_usage_megabytes": 2 * gib,
        "system/step_memory_megabytes": gib / 2,
        "system/disk_available_megabytes": 4 * gib,
        "system/gpu_0_memory_usage_megabytes": gib,
        "system/gpu_1_memory_usage_megabytes": 0.0,
    }
