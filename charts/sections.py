"""The sections of values that all components have alike: their keys, for values.schema.json and README.md."""

from typing import Any


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _one(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _list(item: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": ["array", "null"], "items": {"type": "object", **item, "required": list(required)}}


TEXTS = {"type": ["object", "null"], "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
KEY = f"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?{NAME}$"
"""What Kubernetes lets keys of labels and annotations be."""
_TEXT = {"type": ["string", "number", "boolean", "null"]}
ANNOTATIONS = {"type": ["object", "null"], "additionalProperties": False, "patternProperties": {KEY: _TEXT}}
LABELS = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "patternProperties": {KEY: _TEXT | {"pattern": f"^({NAME})?$"}},
}
_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
OBJECT = rf"{_PART}([.]{_PART})*"
"""What Kubernetes lets objects be called, up to `LONGEST_NAME` characters of it."""
LONGEST_NAME = 253
OBJECT_NAME: dict[str, Any] = {"pattern": f"^({OBJECT})?$", "maxLength": LONGEST_NAME}
_MAYBE_NAMED = {"type": ["string", "null"]} | OBJECT_NAME
QUANTITY = r"^([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
QUANTITIES = {
    "type": ["object", "null"],
    "additionalProperties": {"type": ["string", "number", "null"], "pattern": QUANTITY, "minimum": 0},
}
SECONDS = {"type": ["integer", "null"], "minimum": 0}
POSITIVE = {"type": ["integer", "null"], "minimum": 1}
COUNT = {"type": ["integer", "string", "null"], "pattern": "^([0-9]{1,2}|100)%$", "minimum": 0}
VARIABLE = {
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "value": {"type": ["string", "number", "boolean"]},
        "valueFrom": {"type": "object"},
    },
}
SCHEDULING: dict[str, Any] = {
    "nodeSelector": _said(LABELS, "Labels of the nodes that are taken."),
    "tolerations": _said(_one("array"), "Taints that are borne."),
    "affinity": _said(_one("object"), "In place of the chart's own, by which replicas go to different nodes."),
    "topologySpreadConstraints": _said(
        _list({}, "topologyKey"), "How replicas are spread; without a labelSelector, of the component's own pods."
    ),
    "priorityClassName": _said(_MAYBE_NAMED, "Which pods go before others."),
}


def _times(probe: str) -> dict[str, Any]:
    """Return the times of a probe: Kubernetes takes more than one success of those alone that tell who is ready."""
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            "initialDelaySeconds": SECONDS,
            **dict.fromkeys(("periodSeconds", "timeoutSeconds", "failureThreshold"), POSITIVE),
            "successThreshold": POSITIVE if probe == "readiness" else {"enum": [1, None]},
        },
    }


POD: dict[str, Any] = {
    "env": _said(
        _list(VARIABLE, "name"), "Variables of each container; one that the chart sets too takes the place of that."
    ),
    "envFrom": _said(_list({}), "ConfigMaps and Secrets whose keys become variables of each container."),
    "volumes": _said(
        _list({}, "name"), "Volumes; one of the name of an emptyDir of the chart's, such as tmp, takes its place."
    ),
    "volumeMounts": _said(_list({}, "name", "mountPath"), "Mounts in each container."),
    "initContainers": _said(_list({}, "name", "image"), "Containers that end before the chart's own start."),
    "sidecars": _said(
        _list({}, "name", "image"),
        "Containers beside the chart's own: they start before all others, and end after them (native sidecars).",
    ),
    "annotations": _said(ANNOTATIONS, "Annotations of the pods."),
    "labels": _said(LABELS, "Labels of the pods; those that the chart finds them by are refused."),
    "securityContext": _said(_one("object"), "Keys in place of the chart's, of the pod."),
    "containerSecurityContext": _said(_one("object"), "The same of each container of the chart."),
    "lifecycle": _said(_one("object"), "postStart and preStop of the first container."),
    "terminationGracePeriodSeconds": _said(SECONDS, "Seconds that a pod has to end."),
    "probes": _said(
        {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {probe: _times(probe) for probe in ("startup", "readiness", "liveness")},
        },
        "startup, readiness and liveness: times and thresholds of the probes that a container has.",
    ),
}
SERVICE: dict[str, Any] = {
    "type": {"enum": ["", "ClusterIP", "NodePort", "LoadBalancer"]},
    "annotations": ANNOTATIONS,
    "spec": _one("object"),
}
ACCOUNT_OF_ALL: dict[str, Any] = {
    "create": _said(_one("boolean"), "Whether it is made; it is by default for scheduler, DAG processor and steps."),
    "annotations": _said(ANNOTATIONS, "Such as eks.amazonaws.com/role-arn."),
}
ACCOUNT: dict[str, Any] = ACCOUNT_OF_ALL | {
    "name": _said(_MAYBE_NAMED, "What it is called; one that is there already, unless create is true.")
}
BUDGET: dict[str, Any] = {
    "enabled": _said(_one("boolean"), "Whether there is one; by default, of several replicas."),
    "minAvailable": _said(COUNT, "Pods, or a share of them, that must stay; in place of maxUnavailable."),
    "maxUnavailable": _said(COUNT, "Pods, or a share of them, that may be away; 1 by default."),
    "unhealthyPodEvictionPolicy": {"enum": ["IfHealthyBudget", "AlwaysAllow", None]},
}
AUTOSCALING: dict[str, Any] = {
    "enabled": _said(
        _one("boolean"), "Whether pods come and go by load, off by default; then no replicas are rendered."
    ),
    "minReplicas": _said(POSITIVE, "Pods that there are at least; 2 by default."),
    "maxReplicas": _said(POSITIVE, "Pods that there are at most; 10 by default."),
    "cpuPercent": _said(
        SECONDS, "Share of the requested processor that a pod is kept at, by metrics-server; 70 by default, 0 is none."
    ),
    "requestsPerSecond": _said(
        {"type": ["number", "null"], "minimum": 0},
        "Requests that a pod is kept at, where an adapter gives them to the custom metrics API; none by default.",
    ),
    "requestsMetric": _said(_one("string"), "What that API calls them; molino_requests_per_second by default."),
    "behavior": _said(_one("object"), "How fast, in Kubernetes' own words; Kubernetes' own pace by default."),
}
TASK: dict[str, Any] = {
    "retries": _said(SECONDS, "Tries after the first."),
    "timeoutSeconds": _said(
        {"type": ["integer", "null"], "minimum": 1}, "Seconds that a try may take; then its pod is deleted."
    ),
    "pool": _said(_one("string"), "Airflow's pool whose slots bound how many run at a time; it must be there."),
}
SECTIONS = {
    "scheduling": SCHEDULING,
    "pod": POD,
    "task": TASK,
    "serviceAccount": ACCOUNT,
    "podDisruptionBudget": BUDGET,
    "autoscaling": AUTOSCALING,
}
"""By name, wherever they are; a parent's `serviceAccount` has no name, since two components would share it."""
OF_ALL = {"serviceAccount": ACCOUNT_OF_ALL, "airflow.serviceAccount": ACCOUNT_OF_ALL}
GROUP: dict[str, Any] = {
    "models": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$"},
    },
    "replicas": {"type": "integer", "minimum": 0},
    "resources": {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {"requests": QUANTITIES, "limits": QUANTITIES},
    },
}
"""Of one group of `serving.groups`, beside the sections."""
GROUP_SECTIONS = ("scheduling", "pod", "service", "serviceAccount", "podDisruptionBudget", "autoscaling")
GROUP_NAME = "^[a-z]([a-z0-9-]{0,12}[a-z0-9])?$"
"""So that the names of Services, which begin with the release's, have no more than 63 characters."""
AIRFLOW_POOL: dict[str, Any] = {
    "slots": {"type": "integer", "minimum": -1},
    "description": {"type": "string"},
    "includeDeferred": {"type": "boolean"},
}
"""Of one pool of `airflow.pools`; -1 slots are no bound."""
