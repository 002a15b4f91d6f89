"""Login by an OpenID provider: off by default, in front of every page where values say so, and past no program."""

import json
from typing import Any

import pytest
import yaml
from network_addresses import ends, listening
from network_policies import End, allowed
from rendering import INGRESSES, LOGIN, pods, refusal, render
from test_parts import ALWAYS_THERE, references

PROXIED = {"mlflow": 4180, "tensorboard": 4181, "serving": 4182, "minio": 4183}
SERVERS = {"mlflow": 5000, "tensorboard": 8090, "serving": 8000, "minio": 9001}
ON = (*INGRESSES, *LOGIN)


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return render("defaults", *ON, "networkPolicies.enabled=true")


def of_kind(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}


def settings(documents: list[dict[str, Any]], component: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(of_kind(documents, "ConfigMap")["molino-oidc"]["data"][f"{component}.yaml"])
    return read


def variables(documents: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (spec,) = (spec for found, spec, _ in pods(documents) if found == name)
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in spec["containers"][0]["env"]}


def test_nothing_of_it_is_there_by_default() -> None:
    assert "oidc" not in json.dumps(render()).lower()


def test_what_it_names_is_there(documents: list[dict[str, Any]]) -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in documents} | ALWAYS_THERE
    assert set(references(documents)) - there == set()


@pytest.mark.parametrize("component", PROXIED)
def test_each_proxy_lets_in_its_groups_alone(component: str, documents: list[dict[str, Any]]) -> None:
    (provider,) = settings(documents, component)["providers"]
    assert provider["allowedGroups"] == (["admins", "users"] if component == "mlflow" else ["users"])
    assert provider["oidcConfig"]["issuerURL"] == "https://login.example.com"
    (upstream,) = settings(documents, component)["upstreamConfig"]["upstreams"]
    assert upstream["uri"] == f"http://molino-{component}:{SERVERS[component]}"


@pytest.mark.parametrize(
    ("component", "sent"),
    [("mlflow", ["Authorization"]), ("tensorboard", ["Authorization"]), ("serving", ["X-API-KEY"]), ("minio", [])],
)
def test_a_proxy_logs_in_at_what_is_behind_it_and_minio_asks_for_itself(
    component: str, sent: list[str], documents: list[dict[str, Any]]
) -> None:
    assert [one["name"] for one in settings(documents, component)["injectRequestHeaders"]] == sent
    (spec,) = (spec for name, spec, _ in pods(documents) if name == "Deployment/molino-oidc")
    made = {one["name"] for one in spec["initContainers"]}
    assert (f"{component}-header" in made) == bool(sent)


def test_minios_console_alone_wants_no_password_of_ours() -> None:
    off = [f"oidc.{one}.enabled=false" for one in ("airflow", "mlflow", "tensorboard", "serving")]
    (spec,) = (spec for name, spec, _ in pods(render("defaults", *ON, *off)) if name == "Deployment/molino-oidc")
    assert "initContainers" not in spec
    assert [one["name"] for one in spec["containers"]] == ["minio"]


def test_a_console_that_has_a_certificate_is_asked_by_https() -> None:
    documents = render("defaults", *ON, "minio.tlsSecret=own", "network.caConfigMap=own")
    (upstream,) = settings(documents, "minio")["upstreamConfig"]["upstreams"]
    assert upstream["uri"] == "https://molino-minio:9001"


@pytest.mark.parametrize("component", ["mlflow", "tensorboard", "minio"])
def test_the_ingress_leads_through_the_proxy(component: str, documents: list[dict[str, Any]]) -> None:
    (rule,) = of_kind(documents, "Ingress")[f"molino-{component}"]["spec"]["rules"]
    leads = {one["path"]: one["backend"]["service"] for one in rule["http"]["paths"]}
    past = {"/api": {"name": "molino-mlflow", "port": {"name": "http"}}} if component == "mlflow" else {}
    assert leads == {**past, "/": {"name": "molino-oidc", "port": {"name": component}}}


def test_programs_ask_serving_past_the_proxy(documents: list[dict[str, Any]]) -> None:
    documents = render("defaults", *ON, "serving.ingress.host=api.example.com")
    found = {name: one["spec"] for name, one in of_kind(documents, "Ingress").items()}
    leads = {
        rule["host"]: path["backend"]["service"]["name"]
        for name in ("molino-serving", "molino-oidc")
        for rule in found[name]["rules"]
        for path in rule["http"]["paths"]
    }
    assert leads == {"api.example.com": "molino-serving", "people.example.com": "molino-oidc"}
    assert found["molino-oidc"]["tls"] == [{"secretName": "own", "hosts": ["people.example.com"]}]


@pytest.mark.parametrize(
    "programs", ["serving.ingress.hosts={api.example.com,v2.example.com}", "serving.ingress.allHosts=true"]
)
def test_no_host_of_programs_asks_for_a_login(programs: str) -> None:
    (rule,) = of_kind(render("defaults", *ON, programs), "Ingress")["molino-oidc"]["spec"]["rules"]
    assert rule["host"] == "people.example.com"


@pytest.mark.parametrize(
    ("settings", "secret", "annotations"),
    [
        (("tls.issuer=own",), "molino-oidc-tls", {"cert-manager.io/cluster-issuer": "own"}),
        (("tls.issuer=own", "oidc.serving.tlsSecret=mine"), "mine", {}),
        (("serving.ingress.tlsSecret=wildcard",), "wildcard", {}),
    ],
)
def test_the_host_for_people_has_a_certificate_of_its_own(
    settings: tuple[str, ...], secret: str, annotations: dict[str, str]
) -> None:
    documents = render("defaults", *ON, "serving.ingress.host=api.example.com", "oidc.serving.tlsSecret=", *settings)
    found = of_kind(documents, "Ingress")["molino-oidc"]
    assert found["spec"]["tls"] == [{"secretName": secret, "hosts": ["people.example.com"]}]
    assert found["metadata"].get("annotations", {}) == annotations


def test_the_service_leads_to_the_proxies(documents: list[dict[str, Any]]) -> None:
    ports = of_kind(documents, "Service")["molino-oidc"]["spec"]["ports"]
    assert {one["name"]: one["port"] for one in ports} == PROXIED == listening(documents)["oidc"]


@pytest.mark.parametrize("component", PROXIED)
def test_the_network_lets_a_login_through(component: str, documents: list[dict[str, Any]]) -> None:
    rules, there = [one for one in documents if one["kind"] == "NetworkPolicy"], ends(documents)
    outside = End(namespace="", address="203.0.113.7")
    assert allowed(rules, there["oidc"], there[component], SERVERS[component])
    assert allowed(rules, there["oidc"], outside, 443)
    assert allowed(rules, there["airflow-api-server"], outside, 443)
    assert not allowed(rules, there["oidc"], there["minio"], 9000)
    assert not allowed(rules, there["oidc"], there["postgres"], 5432)


def test_the_api_server_alone_knows_airflows_secret(documents: list[dict[str, Any]]) -> None:
    told = variables(documents, "Deployment/molino-airflow-api-server")
    assert told["MOLINO_OIDC_CLIENT_SECRET"]["secretKeyRef"] == {"name": "own", "key": "client-secret"}
    assert json.loads(told["MOLINO_OIDC"]) == {
        "issuer": "https://login.example.com", "clientId": "molino", "scopes": "openid profile email groups",
        "usernameClaim": "email", "groupsClaim": "groups", "groups": {"Admin": ["admins"]},
    }  # fmt: skip
    assert [name for name, spec, _ in pods(documents) if "MOLINO_OIDC_CLIENT_SECRET" in json.dumps(spec)] == [
        "Deployment/molino-airflow-api-server"
    ]


@pytest.mark.parametrize(("seconds", "minutes"), [(28_800, "480"), (90, "2")])
def test_airflow_counts_the_time_of_a_login_from_its_begin(seconds: int, minutes: str) -> None:
    told = variables(
        render("defaults", *ON, f"oidc.config.sessionSeconds={seconds}"), "Deployment/molino-airflow-api-server"
    )
    assert told["AIRFLOW__FAB__SESSION_MAX_LIFETIME_MINUTES"] == minutes
    assert "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME" not in told  # That of programs' tokens.


@pytest.mark.parametrize(("settings", "secure"), [(("tls.issuer=own",), "True"), ((), "False")])
def test_airflows_cookie_is_sent_by_https_alone_where_its_page_is(settings: tuple[str, ...], secure: str) -> None:
    told = variables(render("defaults", *ON, *settings), "Deployment/molino-airflow-api-server")
    assert told["AIRFLOW__FAB__COOKIE_SECURE"] == secure


def test_a_client_of_ones_own_has_its_own_secret() -> None:
    documents = render("defaults", *ON, "oidc.mlflow.clientId=own")
    (provider,) = settings(documents, "mlflow")["providers"]
    assert (provider["clientID"], provider["clientSecretFile"]) == ("own", "/etc/molino-oidc/mlflow-client-secret")
    (spec,) = (spec for name, spec, _ in pods(documents) if name == "Deployment/molino-oidc")
    (secret,) = (one["secret"]["items"] for one in spec["volumes"] if one["name"] == "secret")
    assert {one["key"] for one in secret} == {"cookie-secret", "client-secret", "mlflow-client-secret"}


def test_a_part_that_is_left_out_keeps_its_own_login() -> None:
    documents = render("defaults", *ON, "oidc.tensorboard.enabled=false", "oidc.airflow.enabled=false")
    (rule,) = of_kind(documents, "Ingress")["molino-tensorboard"]["spec"]["rules"]
    assert [one["backend"]["service"]["name"] for one in rule["http"]["paths"]] == ["molino-tensorboard"]
    assert "MOLINO_OIDC" not in variables(documents, "Deployment/molino-airflow-api-server")


def test_mlflow_answers_at_an_address_that_its_ingress_does_not_tell() -> None:
    documents = render("defaults", *ON, "oidc.mlflow.url=https://runs.example.com:8443/")
    hosts = variables(documents, "Deployment/molino-mlflow")["MOLINO_ALLOWED_HOSTS"].split(",")
    assert {"mlflow.example.com", "runs.example.com:8443"} <= set(hosts)
    (spec,) = (spec for name, spec, _ in pods(documents) if name == "Deployment/molino-oidc")
    (proxy,) = (one for one in spec["containers"] if one["name"] == "mlflow")
    assert "--redirect-url=https://runs.example.com:8443/oauth2/callback" in proxy["args"]


def test_the_operator_makes_its_secret() -> None:
    documents = render(
        "defaults", *ON, "oidc.auth.existingSecret=", "externalSecrets.enabled=true", "externalSecrets.store=vault"
    )
    data = of_kind(documents, "ExternalSecret")["molino-oidc"]["spec"]["data"]
    assert {one["secretKey"] for one in data} == {"client-secret", "cookie-secret"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("oidc.config.issuer=", "oidc.config.issuer: expected the address of an OpenID provider"),
        ("oidc.config.issuer=http://login.example.com", "an http provider"),
        ("oidc.auth.existingSecret=", "a Secret with the keys client-secret, cookie-secret"),
        ("oidc.mlflow.groups=null", "oidc.mlflow.groups: name the groups that may log in"),
        ("oidc.minio.groups=null", "oidc.minio.groups: name the groups that may log in"),
        ("minio.ingress.enabled=false", "oidc.minio: set minio.ingress or oidc.minio.url"),
        ("oidc.airflow.roles=null", "oidc.airflow.roles: name the groups of a role"),
        ("oidc.serving.host=Own_Host", "oidc.serving.host: Own_Host is no host name"),
        ("oidc.serving.host=mlflow.example.com", "mlflow.ingress and oidc.serving both take mlflow.example.com/"),
        ("oidc.serving.host=", "oidc.serving: set oidc.serving.host or oidc.serving.url"),
        ("tensorboard.ingress.enabled=false", "oidc.tensorboard: set tensorboard.ingress or oidc.tensorboard.url"),
        ("mlflow.ingress.path=/ml", "mlflow.ingress.path: with login by oidc a page is at a host of its own"),
        ("serving.ingress.host=people.example.com", "oidc.serving.host: programs ask with keys"),
        ("oidc.config.sessionSeconds=0", "oidc.config.sessionSeconds: a login of no time"),
        ("airflow.config.AIRFLOW__FAB__CONFIG_FILE=own", "airflow.config.AIRFLOW__FAB__CONFIG_FILE: with oidc.airflow"),
    ],
)
def test_what_no_login_could_be_made_of_is_refused(changed: str, said: str) -> None:
    assert said in refusal("defaults", *ON, changed)
