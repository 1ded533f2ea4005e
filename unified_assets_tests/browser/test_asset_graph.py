"""The UI as a person sees it: a real webserver, a real browser."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from unified_assets.core import plugins

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="needs chromium and chromedriver on the PATH"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url: str, query: str) -> dict:
    request = urllib.request.Request(f"{url}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


@pytest.fixture(scope="module")
def webserver(tmp_path_factory) -> Iterator[str]:
    """The project's own workspace file served on loopback, with an empty instance."""
    folder = tmp_path_factory.mktemp("ui")
    (folder / "raw").mkdir()
    (folder / "home").mkdir()
    port = free_port()
    environment = os.environ | {
        "UNIFIED_ASSETS_RAW": str(folder / "raw"),
        "UNIFIED_ASSETS_STATE": str(folder / "state"),
        "DAGSTER_HOME": str(folder / "home"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [Path(sys.executable).parent / "dagster-webserver", "-h", "127.0.0.1", "-p", str(port), "-w", "workspace.yaml"],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, (folder / "log").read_text()
            try:
                ask(url, "{version}")
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        "--window-size=2400,3200",  # the graph draws only what is in view
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


def test_the_asset_graph_shows_the_seven_models(webserver, browser):
    answer = ask(webserver, "{repositoriesOrError{... on RepositoryConnection{nodes{name location{name}}} ... on PythonError{message}}}")
    (repository,) = answer["repositoriesOrError"]["nodes"]
    browser.get(f"{webserver}/locations/{repository['name']}@{repository['location']['name']}/asset-groups/models")
    wanted = set(plugins.models())
    deadline = time.monotonic() + 90
    seen: set[str] = set()
    while time.monotonic() < deadline and seen != wanted:
        text = browser.find_element("tag name", "body").text
        seen = {name for name in wanted if name in text.splitlines()}
        time.sleep(0.5)
    assert seen == wanted
