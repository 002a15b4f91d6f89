"""Write nginx's configuration for the hosts. Nothing here touches the world."""

import re
from collections.abc import Iterable
from pathlib import PurePath

from .routes import Host, Location

HEAD = """\
user www-data;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr warn;
daemon off;
events {{ worker_connections 4096; }}
http {{
    server_tokens off;
    server_names_hash_bucket_size 128;
    log_format main '$remote_addr "$request" $status $body_bytes_sent $request_time $host $upstream_addr '
                    '$upstream_status $upstream_response_time';
    access_log /dev/stdout main buffer=32k flush=1s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    proxy_http_version 1.1;
    proxy_connect_timeout 60s;
    proxy_next_upstream error;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Proto $scheme;
    server {{
        listen {health};
        location = /healthz {{ access_log off; return 200; }}
    }}
"""
UPSTREAM = """\
    upstream {name} {{
{servers}    }}
"""
TRIES = 5
"""How often a Service is asked where nobody takes the connection: another of its pods may be behind the next try."""
NO_HOST = """\
    server {{
        listen {all}80 default_server;
        return 404;
    }}
"""
NO_CERTIFICATE = """\
    server {{
        listen {all}443 ssl default_server;
        ssl_reject_handshake on;
    }}
"""
ALL_IPV4, ALL_IPV6 = "", "[::]:"
"""What stands before the port of what listens on all addresses of a family."""


def render(hosts: Iterable[Host], folder: PurePath, health: str, all_addresses: str = ALL_IPV4) -> str:
    """Return the configuration.

    Args:
        hosts: What to serve.
        folder: Where certificates are (`<namespace>_<name>.crt` and `.key`), and the process id goes.
        health: Address and port of the health check.
        all_addresses: What stands before the port of what listens on all addresses.
    """
    served = list(hosts)
    parts = [HEAD.format(folder=folder, health=health)]
    targets = {location.target for host in served for location in host.locations.values() if location.target}
    parts += [_upstream(target) for target in sorted(targets)]
    if all(host.name for host in served):
        parts.append(NO_HOST.format(all=all_addresses))
    if not any(host.certificate for host in served if not host.name):
        parts.append(NO_CERTIFICATE.format(all=all_addresses))
    for host in served:
        parts += _servers(host, folder, all_addresses)
    return "".join(parts) + "}\n"


def certificate_file(folder: PurePath, secret: tuple[str, str], suffix: str) -> PurePath:
    """Return where a Secret's certificate (`crt`) or key (`key`) is."""
    return folder / f"{secret[0]}_{secret[1]}.{suffix}"


def _upstream(target: str) -> str:
    return UPSTREAM.format(name=_name(target), servers=f"        server {target} max_fails=0;\n" * TRIES)


def _name(target: str) -> str:
    """Return what an upstream is called: nginx takes no address for a name."""
    return "to_" + re.sub(r"[^0-9a-z]+", "_", target)


def _servers(host: Host, folder: PurePath, all_addresses: str) -> list[str]:
    name, default = (host.name, "") if host.name else ("_", " default_server")
    routes = "".join(_route(location) for location in host.locations.values())
    fallback = "" if ("/", "Prefix") in host.locations or ("/", "ImplementationSpecific") in host.locations else (
        "        location / { return 404; }\n"
    )  # fmt: skip
    head = f"    server {{\n        listen {all_addresses}80{default};\n        server_name {name};\n"
    if not host.certificate:
        return [f"{head}{routes}{fallback}    }}\n"]
    secure = (
        f"    server {{\n        listen {all_addresses}443 ssl http2{default};\n        server_name {name};\n"
        f"        ssl_certificate {certificate_file(folder, host.certificate, 'crt')};\n"
        f"        ssl_certificate_key {certificate_file(folder, host.certificate, 'key')};\n"
    )
    plain = "        return 301 https://$host$request_uri;\n" if host.redirect else routes + fallback
    return [f"{head}{plain}    }}\n", f"{secure}{routes}{fallback}    }}\n"]


def _route(location: Location) -> str:
    if location.target is None:
        action = "return 503;"
    else:
        action = (
            f"client_max_body_size {location.body_size}; proxy_read_timeout {location.read_timeout}; "
            f"proxy_pass http://{_name(location.target)};"
        )
    return "".join(f"        location {match} {{ {action} }}\n" for match in _matches(location))


def _matches(location: Location) -> list[str]:
    """Return nginx's ways to match the path; a `Prefix` matches whole elements: /a takes /a and /a/b, never /ab."""
    path = location.path
    if location.kind == "Exact":
        return [f"= {_quoted(path)}"]
    if location.kind == "Prefix" and path != "/":
        stem = path.rstrip("/")
        return [f"= {_quoted(stem)}", _quoted(stem + "/")]
    return [_quoted(path)]


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
