from unified_assets.tracking import journal, links


def test_links_point_at_a_named_server_else_at_the_one_that_serves_this_state_else_where_it_would(tmp_path):
    page = "#/experiments/1/runs/abc"
    assert links.run_url("http://mlflow:80/", tmp_path, experiment="1", run_id="abc") == f"http://mlflow:80/{page}"
    assert links.run_url("sqlite:////x/mlflow.db", tmp_path, experiment="1", run_id="abc") == f"http://127.0.0.1:5000/{page}"
    journal.write_json(links.record_path(tmp_path), {"mlflow": "http://127.0.0.1:5111", "dagster": "http://127.0.0.1:3111"})
    assert links.run_url("sqlite:////x/mlflow.db", tmp_path, experiment="1", run_id="abc") == f"http://127.0.0.1:5111/{page}"
