"""The files of `deploy/` are read and checked here, not started: neither Docker nor Kubernetes is needed."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.workspace.load import location_origins_from_yaml_paths

from unified_assets import __version__
from unified_assets.core.settings import Settings
from unified_assets.defs.instance import DAGSTER_YAML
from unified_assets.defs.serve import LOCATION

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
YAML = sorted(DEPLOY.rglob("*.yaml"))
OURS = f"unified-assets:{__version__}"


def documents(path):
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]


def nodes(value):
    """Every mapping inside a document."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(part)


@pytest.fixture(scope="module")
def compose():
    (found,) = documents(DEPLOY / "compose.yaml")
    return found


@pytest.fixture(scope="module")
def objects():
    """The objects of the Kubernetes example by kind and name."""
    return {(one["kind"], one["metadata"]["name"]): one for one in documents(DEPLOY / "kubernetes" / "lake.yaml")}


def pods(objects):
    """Name → the specification of every pod that the objects make."""
    found = {name: one["spec"]["template"]["spec"] for (kind, name), one in objects.items() if kind == "Deployment"}
    cluster = objects["RayCluster", "lake"]["spec"]
    groups = {"head": cluster["headGroupSpec"], **{one["groupName"]: one for one in cluster["workerGroupSpecs"]}}
    return found | {name: group["template"]["spec"] for name, group in groups.items()}


def test_every_yaml_file_holds_mappings():
    assert [path.name for path in YAML] == ["compose.yaml", "dagster.yaml", "lake.yaml", "workspace.yaml"]
    assert all(isinstance(one, dict) for path in YAML for one in documents(path))


def test_ports_are_published_on_loopback_alone(compose):
    published = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert sorted(published) == ["127.0.0.1:3000:3000", "127.0.0.1:5000:5000", "127.0.0.1:8265:8265"]
    assert not [name for name, service in compose["services"].items() if service.get("network_mode") or service.get("privileged")]


def test_kubernetes_opens_nothing_to_the_outside(objects):
    services = {name: one["spec"].get("type", "ClusterIP") for (kind, name), one in objects.items() if kind == "Service"}
    assert services == dict.fromkeys(("code", "webserver", "mlflow"), "ClusterIP")
    assert objects["RayCluster", "lake"]["spec"]["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert not [one for whole in objects.values() for one in nodes(whole) if {"hostPort", "hostNetwork", "hostPath"} & one.keys()]
    assert objects["NetworkPolicy", "own-namespace-only"]["spec"]["ingress"] == [{"from": [{"podSelector": {}}]}]


def test_variables_of_ours_are_settings():
    written = "".join(path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*") if path.is_file() and path.name not in {".env", "secrets.env"})
    names = set(re.findall(r"UNIFIED_ASSETS_(\w+)", written))
    assert {"RAW", "STATE", "STATE_URL", "RAY_ADDRESS", "MLFLOW_TRACKING_URI"} <= names
    assert sorted(name for name in names if name.lower() not in Settings.model_fields) == []


def test_images_have_tags_and_ours_is_this_version(compose, objects):
    images = {service["image"] for service in compose["services"].values()} | {one["image"] for spec in pods(objects).values() for one in spec["containers"]}
    (base,) = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    tags = {image.partition(":")[0]: image.partition(":")[2] for image in (*images, base)}
    assert tags.keys() == {"unified-assets", "postgres", "chrislusf/seaweedfs", "python"}
    assert all(re.fullmatch(r"\d+(\.\d+)+[\w.-]*", tag) for tag in tags.values())
    assert OURS in images
    assert len(images) == 3


def test_every_word_that_compose_asks_for_is_in_the_example_and_no_word_is_in_a_committed_file():
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    lines = [line for line in (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert {line.partition("=")[0] for line in lines} == asked
    examples = "\n".join((DEPLOY / name).read_text(encoding="utf-8") for name in (".env.example", "kubernetes/secrets.env.example"))
    assert re.findall(r"^\w*(?:PASSWORD|KEY)\w*=.+$", examples, flags=re.MULTILINE) == []
    if (PROJECT / ".git").exists():
        for name in ("deploy/.env", "deploy/kubernetes/secrets.env"):
            assert subprocess.run(["git", "check-ignore", "--quiet", name], cwd=PROJECT, check=False).returncode == 0


def test_services_name_only_services_and_volumes_that_are_there(compose):
    services = compose["services"]
    assert {name for service in services.values() for name in service.get("depends_on", ())} <= services.keys()
    told = yaml.safe_dump(services)
    assert set(re.findall(r"(?:http://|@|--address=)([a-z0-9-]+)[:/]", told)) <= services.keys()
    mounts = [mount.rpartition("}")[2].split(":") for service in services.values() for mount in service.get("volumes", ())]
    named = {parts[0] for parts in mounts if parts[0] and not parts[0].startswith(".")}
    assert named == compose["volumes"].keys()
    assert all((DEPLOY / parts[0]).is_file() for parts in mounts if parts[0].startswith("."))


def test_all_that_computes_sees_raw_files_and_state_under_the_same_paths(compose, objects):
    for name in ("code", "ray-node", "ray-head"):
        mounts = [mount.rpartition("}")[2] for mount in compose["services"][name]["volumes"]]
        assert {"lake-state:/lake/state", ":/lake/raw:ro"} <= set(mounts), name
    for name in ("code", "head", "nodes"):
        (container,) = pods(objects)[name]["containers"]
        places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        claims = {one["name"]: one.get("persistentVolumeClaim", {}).get("claimName") for one in pods(objects)[name]["volumes"]}
        assert {(claims[volume], places[volume]) for volume in ("state", "raw")} == {("lake-state", "/lake/state"), ("lake-raw", "/lake/raw")}
    assert {tuple(one["spec"]["accessModes"]) for (kind, _), one in objects.items() if kind == "PersistentVolumeClaim"} == {("ReadWriteMany",)}


def test_kubernetes_objects_name_only_what_is_there_or_what_the_readme_makes(objects):
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    secrets, maps = (set(re.findall(rf"kubectl create {kind} (\S+)", text)) for kind in ("secret generic", "configmap"))
    maps |= {name for kind, name in objects if kind == "ConfigMap"}
    for name, spec in pods(objects).items():
        volumes = {one["name"] for one in spec.get("volumes", ())}
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        for container in spec["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", ())} == volumes, name
            sources = container["envFrom"]
            assert {one["secretRef"]["name"] for one in sources if "secretRef" in one} <= secrets, name
            assert {one["configMapRef"]["name"] for one in sources if "configMapRef" in one} <= maps, name
        assert {one["configMap"]["name"] for one in spec.get("volumes", ()) if "configMap" in one} <= maps, name
    labels = {name: one["spec"]["template"]["metadata"]["labels"] for (kind, name), one in objects.items() if kind == "Deployment"}
    for (kind, name), one in objects.items():
        if kind == "Deployment":
            assert one["spec"]["selector"]["matchLabels"] == labels[name]
        if kind == "Service":
            assert one["spec"]["selector"] in labels.values()


def test_the_ray_cluster_has_the_version_of_the_image_and_a_head_that_only_orders(objects):
    cluster = objects["RayCluster", "lake"]
    (ray,) = re.findall(r"^ARG RAY=(\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert (cluster["apiVersion"], cluster["spec"]["rayVersion"]) == ("ray.io/v1", ray)
    assert cluster["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_the_image_runs_as_a_user_without_rights():
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER lake"]


def test_dagster_reads_the_instance_and_it_differs_from_that_of_one_machine_by_its_storage(tmp_path):
    text = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
    (tmp_path / "dagster.yaml").write_text(text, encoding="utf-8")
    ref = InstanceRef.from_dir(str(tmp_path))
    assert ref.storage_data.class_name == "DagsterPostgresStorage"
    assert ref.compute_logs_data.config_dict == {"base_dir": "/lake/state/dagster/storage"}
    own = yaml.safe_load(text)
    assert {name: own.pop(name)[part] for name, part in (("storage", "postgres"), ("compute_logs", "class"))}["compute_logs"] == "LocalComputeLogManager"
    del own["local_artifact_storage"]
    assert own == yaml.safe_load(DAGSTER_YAML)


def test_the_workspace_names_the_code_server(compose):
    (origin,) = location_origins_from_yaml_paths([str(DEPLOY / "workspace.yaml")])
    assert (origin.host, origin.port, origin.location_name) == ("code", 4000, LOCATION)
    command = compose["services"]["code"]["command"][-1]
    assert f"--port 4000 --module-name {LOCATION} --location-name {LOCATION}" in command
