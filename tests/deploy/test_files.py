"""The files of `deploy/`: well formed, at one with each other, and with the options there are."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from antiphon.cli.app import app
from antiphon.server.keys import Keys

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
MANIFESTS = ROOT / "deploy" / "kubernetes.yaml"


def serve_options(arguments: list[str]) -> dict[str, Any]:
    """What `antiphon serve` makes of these; fails where it would refuse them."""
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    assert arguments[0] == "serve"
    parameters: dict[str, Any] = serve.make_context("serve", arguments[1:]).params
    return parameters


# --- Dockerfile


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.M).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def last(name: str) -> str:
    return [rest for found, rest in instructions() if found == name][-1]


def test_the_image_serves_with_options_that_there_are():
    assert json.loads(last("ENTRYPOINT")) == ["antiphon"]
    options = serve_options(json.loads(last("CMD")))
    assert options["host"] == "0.0.0.0"
    assert str(options["port"]) == last("EXPOSE")
    assert f":{options['port']}/healthz" in last("HEALTHCHECK")


def test_the_image_runs_as_nobody_in_particular():
    assert int(last("USER")) > 0
    assert f"--uid {last('USER')}" in last("RUN")


def test_the_image_is_built_from_what_there_is():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(last("ARG").partition("=")[2].split(",")) <= set(extras)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            for source in shlex.split(rest)[:-1]:
                assert (ROOT / source).exists()
                assert source in let_in


def test_the_health_check_of_the_image_is_a_program():
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "healthcheck", "exec")


# --- Kubernetes


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    """By kind."""
    return {made["kind"]: made for made in yaml.safe_load_all(MANIFESTS.read_text())}


@pytest.fixture
def container(manifests) -> Any:
    return manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def test_every_manifest_names_itself(manifests):
    for made in manifests.values():
        assert made["apiVersion"] and made["metadata"]["name"] == "antiphon"
    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "Secret", "ConfigMap"} <= set(manifests)


def test_the_pods_are_started_with_options_that_there_are(container):
    options = serve_options(container["args"])
    assert options["port"] == container["ports"][0]["containerPort"]
    mounted = [volume["mountPath"] for volume in container["volumeMounts"]]
    for path in (options["agent"], options["api_keys"]):
        assert str(path.parent) in mounted


def test_a_pod_has_time_to_drain(manifests, container):
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = serve_options(container["args"])["grace"]
    assert manifests["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= pause + grace + 5


def test_draining_makes_a_pod_unready_and_does_not_get_it_killed(container):
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["livenessProbe"]["httpGet"]["path"] != "/healthz"


def test_services_find_their_pods(manifests):
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        manifests["Service"]["spec"]["selector"],
        manifests["Deployment"]["spec"]["selector"]["matchLabels"],
        manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["kind"] == "Deployment"


def test_it_scales_on_a_metric_that_there_is_and_before_pods_are_full(manifests, container):
    from antiphon.server.metrics import GAUGES

    (metric,) = manifests["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] in {f"antiphon_{name}" for name, *_ in GAUGES}
    assert int(metric["pods"]["target"]["averageValue"]) < serve_options(container["args"])["max_sessions"]


def test_the_keys_and_the_agent_in_the_manifests_can_be_read(manifests, tmp_path):
    from antiphon.agent import Agent

    for name, text in (("keys", manifests["Secret"]["stringData"]["api-keys"]),):
        (tmp_path / name).write_text(text)
    assert Keys.load(tmp_path / "keys", environment="").named("shop")
    (tmp_path / "agent.yaml").write_text(manifests["ConfigMap"]["data"]["agent.yaml"])
    assert Agent.from_yaml(tmp_path / "agent.yaml").greeting
