"""The programs that are built from Go modules, by pinned versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KUBERNETES = "1.36.3"
SOURCES = Path(__file__).parent / "sources"


@dataclass(frozen=True)
class Recipe:
    """A Go module and the programs that are built from it."""

    name: str
    module: str
    version: str
    programs: Mapping[str, str]
    """Program → package below the module; `""` is the module itself."""
    link: tuple[str, ...] = ()
    """`-X` settings of the linker."""
    requires: Mapping[str, str] = field(default_factory=dict)
    """Module → version, where the recipe's own go.mod asks for an older one than its code needs."""
    c: bool = False
    """Some of it is C, for which a C compiler is there; it is linked statically too."""
    staging: bool = False
    """The module's own go.mod replaces some requirements by its folders; they are published as modules too."""
    source: str = ""
    """Folder below `sources/` with the main package of the one program, where the module itself has none."""


def _kubernetes() -> Recipe:
    major, minor, patch = KUBERNETES.split(".")
    version = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
    return Recipe(
        name="kubernetes",
        module="k8s.io/kubernetes",
        version=f"v{major}.{minor}.{patch}",
        programs={program: f"cmd/{program}" for program in programs},
        link=tuple(
            f"{package}.{key}={value}"
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for key, value in version.items()
        ),
        staging=True,
    )


def _collector() -> Recipe:
    """Return OpenTelemetry's collector: a module per component, and a program that lists them."""
    core, stable, contrib = "v0.165.0", "v1.71.0", "v0.165.1"
    own, others = "go.opentelemetry.io/collector", "github.com/open-telemetry/opentelemetry-collector-contrib"
    return Recipe(
        name="collector",
        module=f"{own}/otelcol",
        version=core,
        programs={"otelcol": ""},
        link=(f"main.version={core.removeprefix('v')}",),
        requires={
            f"{own}/confmap/provider/envprovider": stable,
            f"{own}/confmap/provider/fileprovider": stable,
            f"{own}/exporter/otlphttpexporter": core,
            f"{own}/processor/batchprocessor": core,
            f"{own}/processor/memorylimiterprocessor": core,
            f"{own}/receiver/otlpreceiver": core,
            f"{others}/exporter/prometheusexporter": contrib,
            f"{others}/extension/storage/filestorage": contrib,
            f"{others}/processor/deltatocumulativeprocessor": contrib,
            f"{others}/processor/resourceprocessor": contrib,
            f"{others}/receiver/filelogreceiver": contrib,
        },
        source="collector",
    )


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _kubernetes(),
        _collector(),
        Recipe(
            name="containerd",
            module="github.com/containerd/containerd/v2",
            version="v2.2.2",
            programs={
                "containerd": "cmd/containerd",
                "containerd-shim-runc-v2": "cmd/containerd-shim-runc-v2",
                "ctr": "cmd/ctr",
            },
            link=("github.com/containerd/containerd/v2/version.Version=v2.2.2",),
        ),
        Recipe(
            name="helm",
            module="helm.sh/helm/v4",
            version="v4.3.1",
            programs={"helm": "cmd/helm"},
            link=("helm.sh/helm/v4/internal/version.version=v4.3.1",),
        ),
        Recipe(
            name="helm3",  # Which many still have: the chart is rendered by both.
            module="helm.sh/helm/v3",
            version="v3.22.0",
            programs={"helm3": "cmd/helm"},
            link=(
                "helm.sh/helm/v3/internal/version.version=v3.22.0",
                # The Kubernetes that it renders for where it asks none, which its makers set so too.
                *(
                    f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}={number}"
                    for package in ("chartutil", "lint/rules")
                    for part, number in zip(("Major", "Minor"), KUBERNETES.split("."), strict=False)
                ),
            ),
        ),
        Recipe(
            name="kubeconform",
            module="github.com/yannh/kubeconform",
            version="v0.8.0",
            programs={"kubeconform": "cmd/kubeconform"},
        ),
        Recipe(
            name="kind",
            module="sigs.k8s.io/kind",
            version="v0.33.0",
            programs={"kind": ""},
        ),
        Recipe(
            name="kube-router",
            module="github.com/cloudnativelabs/kube-router/v2",
            version="v2.1.0",
            programs={"kube-router": "cmd/kube-router"},
        ),
        Recipe(
            name="prometheus",  # Debian's finds no pods: it is built without the client of Kubernetes.
            module="github.com/prometheus/prometheus",
            version="v0.305.0",
            programs={"prometheus": "cmd/prometheus"},
        ),
        Recipe(
            name="alertmanager",  # Debian's is too old to read a webhook's address from a file.
            module="github.com/prometheus/alertmanager",
            version="v0.28.1",
            programs={"alertmanager": "cmd/alertmanager"},
        ),
        Recipe(
            name="postgres-exporter",
            module="github.com/prometheus-community/postgres_exporter",
            version="v0.17.1",
            programs={"postgres_exporter": "cmd/postgres_exporter"},
        ),
        Recipe(
            name="kube-state-metrics",
            module="k8s.io/kube-state-metrics/v2",
            version="v2.15.0",
            programs={"kube-state-metrics": ""},
        ),
        Recipe(
            name="metrics-server",
            module="sigs.k8s.io/metrics-server",
            version="v0.8.0",
            programs={"metrics-server": "cmd/metrics-server"},
            link=("k8s.io/client-go/pkg/version.gitVersion=v0.8.0",),
        ),
        Recipe(
            name="coredns",
            module="github.com/coredns/coredns",
            version="v1.15.0",
            programs={"coredns": ""},
        ),
        Recipe(
            name="local-path-provisioner",
            module="github.com/rancher/local-path-provisioner",
            version="v0.0.30",
            programs={"local-path-provisioner": ""},
        ),
        Recipe(
            name="dex",
            module="github.com/dexidp/dex",
            version="v0.0.0-20240807174518-43956db7fd75",  # Its tags lack the /v2 that modules want.
            programs={"dex": "cmd/dex"},
            requires={"github.com/dexidp/dex/api/v2": "v2.2.0"},  # Its own tree takes the folder beside it.
            c=True,  # Its SQLite, without which it doesn't compile.
        ),
        Recipe(
            name="oauth2-proxy",
            module="github.com/oauth2-proxy/oauth2-proxy/v7",
            version="v7.15.6",
            programs={"oauth2-proxy": ""},
            link=("github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION=v7.15.6",),
        ),
    )
}
