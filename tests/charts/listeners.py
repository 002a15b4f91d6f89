"""Servers as the chart starts them, in a network of their own: `unshare … listeners.py KIND FOLDER`.

`plan.json` in the folder has `servers`: by name their command, variables, port and what is asked, a path, or nothing
for a connection alone. Prints as JSON, by address and name, what answered, and the name of this machine for Airflow.
KIND is the network: `ipv6`, to which an address of IPv4 is added later; `sysctl`, IPv4 with IPv6 switched off;
`kernel`, with a kernel that has none. Beside that there is 127.0.0.1, as in every pod.
"""

import ctypes
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path

IPV6, IPV4 = "fd00::7", "10.7.0.7"
PATIENCE_SECONDS = 120
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def refuse_ipv6() -> None:
    """Have the kernel refuse sockets of IPv6 to this process and its children, as one with `ipv6.disable=1` does."""

    def step(code: int, yes: int, no: int, value: int) -> bytes:
        return code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")

    load, equal, give = 0x20, 0x15, 0x06
    call, allowed = SOCKET_CALL[platform.machine()], 0x7FFF0000
    steps = [
        step(load, 0, 0, 0),  # the number of the call
        step(equal, 0, 3, call),
        step(load, 0, 0, 16),  # its first argument
        step(equal, 0, 1, socket.AF_INET6),
        step(give, 0, 0, 0x00050000 | 97),  # EAFNOSUPPORT
        step(give, 0, 0, allowed),
    ]
    filters = ctypes.create_string_buffer(b"".join(steps))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filters", ctypes.c_void_p))

    program = Program(len(steps), ctypes.addressof(filters))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, ctypes.byref(program), 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "prctl")


def asked(address: str, port: int, path: str) -> bool:
    """Tell whether a server answers at an address."""
    try:
        if not path:
            socket.create_connection((address, port), 10).close()
            return True
        connection = http.client.HTTPConnection(address, port, timeout=30)
        connection.request("GET", path)
        return bool(connection.getresponse().status)
    except OSError:
        return False


def all_asked(address: str, servers: dict[str, dict[str, str]], deadline: float) -> dict[str, bool]:
    """Ask each server until it answers."""
    found = dict.fromkeys(servers, False)
    while not all(found.values()) and time.monotonic() < deadline:
        for name, server in servers.items():
            found[name] = found[name] or asked(address, int(server["port"]), server["path"])
        time.sleep(0.1)
    return found


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    servers = json.loads((folder / "plan.json").read_text())["servers"]
    if kind == "sysctl":  # where sockets are as in the others: enough that what starts fast answers
        servers = {name: server for name, server in servers.items() if not server.get("slow")}
    ip("link", "set", "lo", "up")
    first = IPV6 if kind == "ipv6" else IPV4
    if kind == "ipv6":
        ip("address", "add", f"{IPV6}/128", "dev", "lo")
    else:
        ip("address", "add", f"{IPV4}/32", "dev", "lo")
    if kind == "sysctl":
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    if kind == "kernel":
        refuse_ipv6()
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{first} pod\n")
    subprocess.run(["mount", "--bind", folder / "hosts", "/etc/hosts"], check=True)
    socket.sethostname("pod")
    from pipelines.host import address

    result: dict[str, object] = {"name": address()}
    running = []
    try:
        for name, server in servers.items():
            for command in server.get("before", []):
                subprocess.run(command, env=os.environ | server["env"], check=True)
            with (folder / f"{kind}-{name}.log").open("wb") as log:
                environment = os.environ | server["env"]
                running.append(subprocess.Popen(server["command"], env=environment, stdout=log, stderr=log, cwd=folder))
        result[first] = all_asked(first, servers, time.monotonic() + PATIENCE_SECONDS)
        if kind == "ipv6":
            ip("address", "add", f"{IPV4}/32", "dev", "lo")
            result[IPV4] = all_asked(IPV4, servers, time.monotonic() + 1)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
