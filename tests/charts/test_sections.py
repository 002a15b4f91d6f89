"""What users give every component alike: each value is found in what is rendered for each."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from rendering import CHART, helm, options, parse, pods, render
from test_kubernetes_versions import conform
from test_spellings import nested

from charts.sections import BUDGET, POD, SCHEDULING
from molino.contracts.steps import STEP_NAMES
from tests.cluster.recipes import KUBERNETES

PARTS = ("apiServer", "dagProcessor", "scheduler", "triggerer")
WORDS = ("api-server", "dag-processor", "scheduler", "triggerer")
OF = {
    "postgres": {"StatefulSet/molino-postgres"},
    "minio": {"StatefulSet/molino-minio"},
    "operations": {
        "Job/molino-minio-setup-1",
        "Job/molino-secrets-make-1",
        "Pod/molino-doctor",
        "Pod/molino-test",
    },
    "mlflow": {"Deployment/molino-mlflow", "Job/molino-mlflow-migration-1"},
    "tensorboard": {"Deployment/molino-tensorboard"},
    "serving": {"Deployment/molino-serving"},
    **{f"airflow.parts.{part}": {f"Deployment/molino-airflow-{word}"} for part, word in zip(PARTS, WORDS, strict=True)},
    "airflow.jobs": {"Job/molino-airflow-migration-1", "Job/molino-airflow-user-1"},
}
"""The pods of each place of the values; Jobs without the end of their names, which their content decides."""
PODS = set().union(*OF.values())
PLACES: dict[str, set[str]] = {
    "": PODS,
    "airflow": set().union(*(names for place, names in OF.items() if place.startswith("airflow"))),
    **OF,
}
SECURITY = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
SCHEDULED = {
    "nodeSelector": {"disk": "ssd", "rack": 33554432},
    "tolerations": [{"key": "own", "operator": "Exists", "tolerationSeconds": 33554432, "effect": "NoExecute"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["2025"]}]}
    ]}}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "2025",
}  # fmt: skip
GIVEN: dict[str, Any] = {
    "env": [{"name": "OWN", "value": 33554432}, {"name": "HOME", "value": "/own"}],
    "envFrom": [{"secretRef": {"name": "2025"}}],
    "volumes": [{"name": "own", "configMap": {"name": "own"}}, {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
    "volumeMounts": [{"name": "own", "mountPath": "/own"}],
    "initContainers": [{"name": "first", "image": "first:1", "securityContext": {"runAsUser": 33554432}}],
    "sidecars": [{"name": "beside", "image": "beside:1"}],
    "annotations": {"own.example/number": 33554432, "own.example/text": "true"},
    "labels": {"team": "2025"},
    "securityContext": {"fsGroup": 20000, "seccompProfile": {"type": "Localhost", "localhostProfile": "own.json"}},
    "containerSecurityContext": {"runAsUser": 20000},
    "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}},
    "terminationGracePeriodSeconds": 77,
    "probes": {kind: {"periodSeconds": 41, "failureThreshold": 43} for kind in ("startup", "readiness", "liveness")},
}
TEXT = {"own.example/number": "33554432", "own.example/text": "true"}


def path(place: str, section: str) -> str:
    return f"{place}.{section}".lstrip(".")


@cache
def text_of(given: str, values: str = "defaults") -> str:
    """Return what values by path, as JSON, render."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "values.yaml")
        file.write_text(json.dumps(nested(json.loads(given))))
        done = helm("template", "molino", CHART, *options(values), "--values", file, "--namespace", "molino")
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(given: dict[str, Any]) -> list[dict[str, Any]]:
    return parse(text_of(json.dumps(given)))


def refused(given: dict[str, Any], folder: Path) -> str:
    file = folder / "values.yaml"
    file.write_text(json.dumps(nested(given)))
    done = helm("template", "molino", CHART, "--values", file)
    assert done.returncode != 0, "rendered, and should have been refused"
    return done.stderr


def everything(place: str) -> dict[str, Any]:
    return {path(place, "scheduling"): SCHEDULED, path(place, "pod"): GIVEN}


def short(name: str) -> str:
    """Return a name as `OF` has it: a Job's is `<what>-<revision or hash>`."""
    kind, _, rest = name.partition("/")
    return f"{kind}/{rest.rpartition('-')[0]}-1" if kind == "Job" else name


def told(place: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, spec and metadata of each pod of a place where all sections are set."""
    for name, spec, workload in pods(rendered(everything(place))):
        if short(name) in PLACES[place]:
            yield name, spec, workload["spec"].get("template", workload)["metadata"]


def own(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the chart's own containers."""
    return [*(one for one in spec["initContainers"] if one["name"] not in ("first", "beside")), *spec["containers"]]


def test_the_values_that_are_tried_are_all_that_there_are() -> None:
    assert (SCHEDULED.keys(), GIVEN.keys()) == (SCHEDULING.keys(), POD.keys())


@pytest.mark.parametrize("place", PLACES)
def test_what_is_scheduled_is_found(place: str) -> None:
    found = list(told(place))
    assert {short(name) for name, _, _ in found} == PLACES[place]
    for name, spec, metadata in found:
        assert spec["nodeSelector"] == {"disk": "ssd", "rack": "33554432"}, name
        (spread,) = spec["topologySpreadConstraints"]
        assert spread.pop("labelSelector")["matchLabels"].items() <= metadata["labels"].items()
        assert [spread] == SCHEDULED["topologySpreadConstraints"]
        for key in ("tolerations", "affinity", "priorityClassName"):
            assert spec[key] == SCHEDULED[key], name


@pytest.mark.parametrize("place", PLACES)
def test_what_is_put_into_pods_is_found(place: str) -> None:
    for name, spec, _ in told(place):
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert len(volumes) == len(spec["volumes"])
        assert [volumes[volume["name"]] for volume in GIVEN["volumes"]] == GIVEN["volumes"], name
        assert spec["terminationGracePeriodSeconds"] == 77
        assert {"runAsNonRoot": True, **GIVEN["securityContext"]}.items() <= spec["securityContext"].items()
        assert spec["containers"][0]["lifecycle"] == GIVEN["lifecycle"]
        for container in own(spec):
            env = {one["name"]: one.get("value") for one in container["env"]}
            assert len(env) == len(container["env"])
            assert (env["OWN"], env["HOME"]) == ("33554432", "/own")
            assert container["envFrom"][-1] == GIVEN["envFrom"][0]
            assert GIVEN["volumeMounts"][0] in container["volumeMounts"]
            assert container["securityContext"] == {**SECURITY, "runAsUser": 20000}
            for kind in GIVEN["probes"]:
                probe = container.get(f"{kind}Probe", {"periodSeconds": 41, "failureThreshold": 43})
                assert (probe["periodSeconds"], probe["failureThreshold"]) == (41, 43)


@pytest.mark.parametrize("place", PLACES)
def test_containers_of_ones_own_are_there_and_as_restricted_as_the_chart_s(place: str) -> None:
    for _, spec, metadata in told(place):
        beside, first = spec["initContainers"][:2]
        assert beside == {
            "name": "beside", "image": "beside:1", "restartPolicy": "Always", "securityContext": SECURITY
        }  # fmt: skip
        assert first == {
            "name": "first", "image": "first:1", "securityContext": {**SECURITY, "runAsUser": 33554432}
        }  # fmt: skip
        assert metadata["labels"]["team"] == "2025"
        assert TEXT.items() <= metadata["annotations"].items()


@pytest.mark.parametrize("place", ["", "airflow", "tensorboard"])
def test_it_is_as_kubernetes_wants_it(place: str) -> None:
    done = conform(text_of(json.dumps(everything(place))), KUBERNETES)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("place", OF)
def test_other_components_stay_as_they_are(place: str) -> None:
    before = {name: spec for name, spec, _ in pods(render())}
    after = {name: spec for name, spec, _ in pods(rendered(everything(place)))}
    assert {short(name) for name in after if before.get(name) != after[name]} == OF[place]


def test_the_nearer_place_comes_before() -> None:
    given = {
        "pod.env": [{"name": "A", "value": "all"}, {"name": "B", "value": "all"}],
        "airflow.pod.env": [{"name": "B", "value": "airflow"}],
        "airflow.parts.scheduler.pod.env": [{"name": "C", "value": "part"}],
        "scheduling.priorityClassName": "all",
        "airflow.scheduling.priorityClassName": "airflow",
    }
    specs = {name: spec for name, spec, _ in pods(rendered(given))}
    spec = specs["Deployment/molino-airflow-scheduler"]
    env = {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}
    assert (env["A"], env["B"], env["C"]) == ("all", "airflow", "part")
    assert spec["priorityClassName"] == "airflow"
    assert specs["Deployment/molino-mlflow"]["priorityClassName"] == "all"


OWN_ACCOUNTS = {"Job/molino-secrets-make-1", "Pod/molino-doctor"}
"""It has an account of its own, which may change the Secrets that it makes."""
SERVICES = {"airflow": "airflow-api-server", **{one: one for one in OF if "." not in one and one != "operations"}}


@pytest.mark.parametrize("place", ["", *SERVICES])
def test_services_are_as_they_are_wanted(place: str) -> None:
    wanted = {"type": "LoadBalancer", "annotations": TEXT, "spec": {"loadBalancerClass": "own"}}
    text = text_of(json.dumps({path(place, "service"): wanted}))
    found = {one["metadata"]["name"]: one for one in parse(text) if one["kind"] == "Service"}
    given = {name for name, one in found.items() if one["spec"].get("loadBalancerClass") == "own"}
    assert given == {f"molino-{name}" for name in ([SERVICES[place]] if place else SERVICES.values())}
    for name in given:
        assert (found[name]["spec"]["type"], found[name]["metadata"]["annotations"]) == ("LoadBalancer", TEXT)
        assert found[name]["spec"]["ports"]
    assert conform(text, KUBERNETES).stdout == ""


@pytest.mark.parametrize("place", OF)
def test_a_component_has_the_account_that_it_is_given(place: str) -> None:
    account = path(place, "serviceAccount")
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/own"}
    documents = rendered({account: {"create": True, "name": "own", "annotations": role}})
    (made,) = (one for one in documents if one["kind"] == "ServiceAccount" and one["metadata"]["name"] == "own")
    assert (made["metadata"]["annotations"], made["automountServiceAccountToken"]) == (role, False)
    users = {short(name) for name, spec, _ in pods(documents) if spec.get("serviceAccountName") == "own"}
    assert users == OF[place] - OWN_ACCOUNTS

    there = rendered({account: {"name": "own"}})
    assert not any(one["kind"] == "ServiceAccount" and one["metadata"]["name"] == "own" for one in there)
    assert {short(name) for name, spec, _ in pods(there) if spec.get("serviceAccountName") == "own"} == OF[
        place
    ] - OWN_ACCOUNTS


def test_each_component_may_have_an_account_of_its_own() -> None:
    documents = rendered({"serviceAccount": {"create": True}})
    made = {one["metadata"]["name"] for one in documents if one["kind"] == "ServiceAccount"}
    assert {spec["serviceAccountName"] for _, spec, _ in pods(documents)} == made - {"molino-steps", "molino-deploy"}
    bound = {one["metadata"]["name"]: one["subjects"] for one in documents if one["kind"] == "RoleBinding"}
    assert {name: one["name"] for name, (one,) in bound.items()} == {
        f"molino-{name}": f"molino-{name}"
        for name in ("airflow", "airflow-dag-processor", "deploy", "doctor", "secrets")
    }


@pytest.mark.parametrize("place", ["", *(one for one in OF if one not in ("operations", "airflow.jobs"))])
def test_budgets_are_as_they_are_wanted(place: str) -> None:
    budget = {"enabled": True, "minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    assert budget.keys() <= BUDGET.keys()
    text = text_of(json.dumps({path(place, "podDisruptionBudget"): budget}))
    found = [one for one in parse(text) if one["kind"] == "PodDisruptionBudget"]
    assert len(found) == (1 if place else 9)
    for one in found:
        assert one["spec"].pop("selector")["matchLabels"]["app.kubernetes.io/component"] in one["metadata"]["name"]
        assert one["spec"] == {"minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    assert conform(text, KUBERNETES).stdout == ""


DIGEST = f"sha256:{'0' * 64}"
IMAGES = ("postgres", "minio", "operations", "mlflow", "tensorboard", "tensorboard.nginx", "serving", "airflow")


@pytest.mark.parametrize("place", IMAGES)
def test_an_image_may_be_named_by_its_digest(place: str) -> None:
    documents = rendered({f"{place}.image.digest": DIGEST, "image.registry": "registry.example/team"})
    images = {
        one["image"] for _, spec, _ in pods(documents) for one in [*spec.get("initContainers", []), *spec["containers"]]
    }
    (found,) = (image for image in images if "@" in image)
    assert found.startswith("registry.example/team/")
    assert found.endswith(f"@{DIGEST}")
    assert ":" not in found.partition("@")[0]


def test_further_objects_are_rendered_with_what_the_chart_knows() -> None:
    name = '{{ include "molino.name" (dict "root" . "component" "own") }}'
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"n": "33554432"}},
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: '{name}'}}",
    ]
    found = [one for one in rendered({"extraObjects": objects}) if one["metadata"]["name"] == "molino-own"]
    assert {one["kind"]: one.get("data") for one in found} == {"ConfigMap": {"n": "33554432"}, "Secret": None}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"securityContext": {"runAsUser": 0}}, "lets it run as root"),
        ({"containerSecurityContext": {"privileged": True}}, "may gain privileges"),
        ({"containerSecurityContext": {"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}}}, "adds capabilities"),
        (
            {"sidecars": [{"name": "a", "image": "a", "securityContext": {"runAsUser": 0}}]},
            "container a may run as root",
        ),
        ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "volume host is of a kind that isn't allowed"),
        ({"labels": {"app.kubernetes.io/name": "own"}}, "is what the chart finds its own pods by: leave it out"),
        ({"sidecars": [{"name": "migration", "image": "a"}]}, "two containers are called migration"),
        ({"env": [{"name": "A", "value": 1}, {"name": "A", "value": 2}]}, "A is there twice"),
        ({"env": [{"name": "A", "value": 1, "valueFrom": {}}]}, "A has value and valueFrom: leave one of them out"),
        (
            {"volumeMounts": [{"name": "own", "mountPath": "/own"}]},
            "own is mounted at /own, and there is no such volume",
        ),
    ],
)
@pytest.mark.parametrize("place", ["", "airflow.jobs"])
def test_what_would_break_the_pods_is_refused_in_a_line(
    place: str, given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    message = refused({path(place, "pod"): given}, tmp_path)
    assert said in message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"mlflow.resources.limits": {"memory": "128Mi"}},
            "requests 512Mi of memory, and is limited to 128Mi: set resources.requests.memory too",
        ),
        ({"serving.resources.limits": {"cpu": 0.05}}, "requests 100m of cpu, and is limited to 0.05"),
        ({"steps.pod.sidecars": [{"name": "base", "image": "a"}]}, "two containers are called base"),
        ({"pod.env": [{"name": "A", "value": 2**53}]}, "9007199254740992: Helm reads a number of this size as another"),
    ],
)
def test_what_no_pod_can_be_is_refused_in_a_line(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in refused(given, tmp_path)


def test_sections_may_be_empty_and_a_pod_may_end_at_once() -> None:
    empty = {"pod": None, "scheduling": None}
    given = {
        "steps.each": {"train": None, "deploy": empty | {"task": None, "serviceAccount": None}},
        "serving.groups": {"a": {"models": ["flats"], "resources": {"limits": None}, "service": None, **empty}},
        "serving.pod.terminationGracePeriodSeconds": 0,
        "extraObjects": [{}, ""],
    }
    specs = {name: spec for name, spec, _ in pods(rendered(given))}
    assert specs["Deployment/molino-serving-a"]["containers"][0]["resources"]["requests"]
    assert specs["Deployment/molino-serving"]["terminationGracePeriodSeconds"] == 0


def test_values_may_lead_out_of_the_restricted_standard_where_that_is_said() -> None:
    volumes = [{"name": "host", "hostPath": {"path": "/"}}]
    (spec,) = (
        spec
        for name, spec, _ in pods(rendered({"podSecurity.standard": "any", "minio.pod.volumes": volumes}))
        if name == "StatefulSet/molino-minio"
    )
    assert volumes[0] in spec["volumes"]


@pytest.mark.parametrize("place", ["mlflow", "tensorboard"])
def test_annotations_of_no_account_are_refused(place: str, tmp_path: Path) -> None:
    said = refused({f"{place}.serviceAccount.annotations": {"own": "1"}}, tmp_path)
    assert f"serviceAccount.annotations of {place}: there is none of its own to annotate" in said


@pytest.mark.parametrize("key", ["enviroment", "nodeSelector"])
def test_another_key_is_refused(key: str, tmp_path: Path) -> None:
    assert f"additional properties '{key}' not allowed" in refused({f"serving.pod.{key}": {}}, tmp_path)


def test_all_switched_on_keeps_its_values() -> None:
    text = text_of(json.dumps({"pod": {"env": [{"name": "OWN", "value": "x"}]}}), "production")
    assert all(
        {"name": "OWN", "value": "x"} in container["env"]
        for _, spec, _ in pods(parse(text))
        for container in spec["containers"]
    )


def of_steps(given: dict[str, Any], key: str) -> dict[str, Any]:
    (data,) = (one["data"] for one in rendered(given) if "MOLINO_PODS_IMAGE_TAG" in one.get("data", {}))
    return dict(json.loads(data.get(key, "{}")))


def test_nothing_is_told_of_the_pods_of_steps_that_nobody_says() -> None:
    assert all(of_steps({}, f"MOLINO_PODS_{key}") == {} for key in ("TEMPLATES", "TASKS", "IMAGES"))


@pytest.mark.parametrize("place", ["", "steps", "steps.each.train"])
def test_the_pods_of_steps_get_what_they_are_given(place: str) -> None:
    templates = of_steps(everything(place), "MOLINO_PODS_TEMPLATES")
    assert set(templates) == ({"train"} if "each" in place else set(STEP_NAMES))
    template = templates["train"]
    spec, (base,) = template["spec"], template["spec"]["containers"]
    assert template["metadata"] == {"annotations": TEXT, "labels": GIVEN["labels"]}
    assert (base["name"], base["env"][0]) == ("base", {"name": "OWN", "value": "33554432"})
    assert base["securityContext"] == {**SECURITY, "runAsUser": 20000}
    assert {"runAsNonRoot": True, **GIVEN["securityContext"]}.items() <= spec["securityContext"].items()
    assert (base["envFrom"], base["volumeMounts"]) == (GIVEN["envFrom"], GIVEN["volumeMounts"])
    assert (base["lifecycle"], spec["volumes"]) == (GIVEN["lifecycle"], GIVEN["volumes"])
    assert [one["name"] for one in spec["initContainers"]] == ["beside", "first"]
    assert spec["nodeSelector"] == {"disk": "ssd", "rack": "33554432"}
    for key in ("tolerations", "affinity", "priorityClassName"):
        assert spec[key] == SCHEDULED[key]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "step", "namespace": "molino"}, "spec": spec}
    base["image"] = "own:1"
    assert conform(json.dumps(pod), KUBERNETES).stdout == ""


def test_tasks_of_steps_are_run_as_they_are_wanted() -> None:
    given = {"steps.task": {"retries": 5, "pool": "own"}, "steps.each.train.task": {"retries": 0, "timeoutSeconds": 60}}
    tasks = of_steps(given, "MOLINO_PODS_TASKS")
    assert tasks.pop("train") == {"retries": 0, "timeoutSeconds": 60, "pool": "own"}
    assert tasks == {step: {"retries": 5, "pool": "own"} for step in STEP_NAMES if step != "train"}


def test_a_step_s_image_may_be_named_by_its_digest() -> None:
    images = of_steps({"steps.image.digests": {"train": DIGEST}, "image.registry": "r.example"}, "MOLINO_PODS_IMAGES")
    assert images == {"train": f"r.example/molino-train@{DIGEST}"}


def test_what_a_component_makes_empty_takes_away_what_is_further_out() -> None:
    given = {
        "scheduling": SCHEDULED,
        "serving.scheduling": {key: [] for key in ("tolerations", "topologySpreadConstraints")},
    }
    given["serving.scheduling"] |= {"affinity": {}, "priorityClassName": ""}
    specs = {name: spec for name, spec, _ in pods(rendered(given))}
    assert set(specs["Deployment/molino-mlflow"]) >= SCHEDULED.keys()
    assert set(specs["Deployment/molino-serving"]) & SCHEDULED.keys() == {"nodeSelector"}
    alone = {name: spec for name, spec, _ in pods(rendered({"serving.scheduling": {"affinity": {}}}))}
    assert "affinity" not in alone["Deployment/molino-serving"]


def test_the_nearer_of_two_bounds_of_a_budget_holds() -> None:
    given = {
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "serving.podDisruptionBudget": {"maxUnavailable": 2},
    }
    found = {one["metadata"]["name"]: one["spec"] for one in rendered(given) if one["kind"] == "PodDisruptionBudget"}
    bounds = {name: {key: spec[key] for key in spec if key != "selector"} for name, spec in found.items()}
    assert bounds.pop("molino-serving") == {"maxUnavailable": 2}
    assert all(one == {"minAvailable": 1} for one in bounds.values())


def test_components_may_share_an_account(tmp_path: Path) -> None:
    account = {"name": "shared", "create": True}
    given = {"mlflow.serviceAccount": account, "serving.serviceAccount": account}
    found = [one["metadata"]["name"] for one in rendered(given) if one["kind"] == "ServiceAccount"]
    assert found.count("shared") == 1
    given["serving.serviceAccount"] = account | {"annotations": {"own": "1"}}
    said = refused(given, tmp_path)
    assert "serviceAccount of mlflow and of serving: both make shared, with other annotations" in said


def test_what_a_later_file_makes_null_is_gone() -> None:
    given = {"airflow.pools": {"own": None}, "serving.groups": {"a": None}, "oidc.airflow.roles": {"Op": None}}
    assert rendered(given) == rendered({})
