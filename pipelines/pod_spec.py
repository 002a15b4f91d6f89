"""What a step's pod is made of on Kubernetes: variables, volumes, mounts, and the security of pod and container."""

from typing import Any

from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import models as k8s

from pipelines.pods import CA_FOLDER, MODEL_FOLDER, USER, PodSettings, StepPod

SECRETS = "/etc/molino/secrets"
MOUNTED_AS = "content"


def given_pod(settings: PodSettings, pod: StepPod) -> tuple[k8s.V1PodSpec, k8s.V1ObjectMeta]:
    """Return what is laid below the pod: what users of the chart give it, and what the operator has no word for.

    A pod that is given nothing has the securityContexts of the chart's own; the variables that Kubernetes makes of
    Services would pass for settings.
    """
    given = PodGenerator.deserialize_model_dict({"spec": {"containers": [{"name": "base"}]}, **pod.template})
    spec = given.spec or k8s.V1PodSpec(containers=[])
    spec.enable_service_links = False
    spec.security_context = spec.security_context or _pod_security(settings)
    base = spec.containers[0]
    base.security_context = base.security_context or _container_security()
    return spec, given.metadata or k8s.V1ObjectMeta()


def but_given(given: list[Any] | None, key: str, own: list[Any]) -> list[Any]:
    """Return the own ones, but for those that users give another in place of, by the key that tells them apart."""
    taken = {getattr(one, key) for one in given or ()}
    return [one for one in own if getattr(one, key) not in taken]


def variables_of(pod: StepPod) -> list[k8s.V1EnvVar]:
    """Return the variables that a pod has of its own: plain ones, those of Secrets, and the paths of files."""
    plain = [k8s.V1EnvVar(name=name, value=value) for name, value in pod.environment.items()]
    paths = [k8s.V1EnvVar(name=variable, value=_path(variable)) for variable in pod.secret_files]
    return plain + _secrets(pod) + paths


def volumes_of(settings: PodSettings, pod: StepPod) -> list[k8s.V1Volume]:
    """Return its volumes: for temporary files, and for files of Secrets and ConfigMaps."""
    tmp = k8s.V1Volume(name="tmp", empty_dir=_empty_dir(settings))
    return [tmp, *_secret_volumes(pod), *_model_volumes(settings, pod), *_ca_volumes(settings)]


def mounts_of(settings: PodSettings, pod: StepPod) -> list[k8s.V1VolumeMount]:
    """Return where its container finds them."""
    tmp = k8s.V1VolumeMount(name="tmp", mount_path="/tmp")  # noqa: S108  # inside the pod
    return [tmp, *_secret_mounts(pod), *_model_mounts(pod), *_ca_mounts(settings)]


def _secrets(pod: StepPod) -> list[k8s.V1EnvVar]:
    """Return the variables that come from Secrets: Airflow knows their names, never their values."""
    found = []
    for variable, place in pod.secrets.items():
        name, _, key = place.partition("/")
        source = k8s.V1EnvVarSource(secret_key_ref=k8s.V1SecretKeySelector(name=name, key=key))
        found.append(k8s.V1EnvVar(name=variable, value_from=source))
    return found


def _secret_volumes(pod: StepPod) -> list[k8s.V1Volume]:
    """Return a volume for each setting that is a file: one key of a Secret, which Airflow never reads."""
    found = []
    for variable, place in pod.secret_files.items():
        name, _, key = place.partition("/")
        source = k8s.V1SecretVolumeSource(secret_name=name, items=[k8s.V1KeyToPath(key=key, path=MOUNTED_AS)])
        found.append(k8s.V1Volume(name=_slug(variable), secret=source))
    return found


def _secret_mounts(pod: StepPod) -> list[k8s.V1VolumeMount]:
    return [
        k8s.V1VolumeMount(name=_slug(variable), mount_path=f"{SECRETS}/{_slug(variable)}", read_only=True)
        for variable in pod.secret_files
    ]


def _model_volumes(settings: PodSettings, pod: StepPod) -> list[k8s.V1Volume]:
    """Return the volume of a model file that no variable can hold."""
    items = [k8s.V1KeyToPath(key=key, path=name) for name, key in pod.model_files.items()]
    source = k8s.V1ConfigMapVolumeSource(name=settings.models_config_map, items=items)
    return [k8s.V1Volume(name="model", config_map=source)] if items else []


def _model_mounts(pod: StepPod) -> list[k8s.V1VolumeMount]:
    mount = k8s.V1VolumeMount(name="model", mount_path=MODEL_FOLDER, read_only=True)
    return [mount] if pod.model_files else []


def _empty_dir(settings: PodSettings) -> k8s.V1EmptyDirVolumeSource:
    return k8s.V1EmptyDirVolumeSource(size_limit=settings.empty_dir_size or None)


def _ca_volumes(settings: PodSettings) -> list[k8s.V1Volume]:
    """Return the volume of certificate authorities of one's own."""
    source = k8s.V1ConfigMapVolumeSource(name=settings.ca_config_map)
    return [k8s.V1Volume(name="ca", config_map=source)] if settings.ca_config_map else []


def _ca_mounts(settings: PodSettings) -> list[k8s.V1VolumeMount]:
    mount = k8s.V1VolumeMount(name="ca", mount_path=CA_FOLDER, read_only=True)
    return [mount] if settings.ca_config_map else []


def _slug(variable: str) -> str:
    """Return the name of a variable's volume."""
    return variable.lower().replace("_", "-")


def _path(variable: str) -> str:
    """Return where a pod finds the file that a variable names."""
    return f"{SECRETS}/{_slug(variable)}/{MOUNTED_AS}"


def _pod_security(settings: PodSettings) -> k8s.V1PodSecurityContext:
    user = USER if settings.fixed_user else None
    return k8s.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        fs_group=user,
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    )


def _container_security() -> k8s.V1SecurityContext:
    return k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    )
