"""`python warm_server.py DESCRIPTOR`: runs Python's programs in forks of a process that has imported large libraries.

It imports nothing of Molino's, whose modules each program imports anew. It ends once nobody who opened it is left.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

LIBRARIES = (
    "boto3", "dvc.repo", "keras", "lightgbm", "matplotlib.pyplot", "minio", "mlflow", "mlflow.onnx", "mlflow.pyfunc",
    "onnxmltools", "scipy.stats", "skl2onnx", "sklearn.ensemble", "sklearn.linear_model", "tensorflow", "xgboost",
)  # fmt: skip
"""What takes long to import; the threads that it starts are those of memory and of OpenBLAS, which see to forks."""
DESCRIPTORS = 3
SIZE = 1 << 20


def serve(listener: socket.socket) -> dict[str, Any] | None:
    """Fork for each program that is sent; return it in the fork, and nothing at the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    opened: list[socket.socket] = []
    while True:
        for ready in select.select([listener, *opened], [], [])[0]:
            if ready is listener:
                opened.append(listener.accept()[0])
                continue
            sent, descriptors, *_ = socket.recv_fds(ready, SIZE, DESCRIPTORS)
            if sent and os.fork() == 0:
                listener.close()
                if program := _forked(ready, json.loads(sent), descriptors):
                    for connection in opened:
                        connection.close()
                    return program
            for descriptor in descriptors:
                os.close(descriptor)
            if not sent:
                opened.remove(ready)
                ready.close()
        if not opened:
            place = Path(listener.getsockname())
            place.unlink()
            place.with_name(f"{place.name}.lock").unlink(missing_ok=True)
            return None


def _forked(asker: socket.socket, program: dict[str, Any], descriptors: list[int]) -> dict[str, Any] | None:
    """Fork once more for the program itself, and tell who asked how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        return program
    for descriptor in descriptors:
        os.close(descriptor)
    asker.sendall(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    os._exit(0)


def become(program: dict[str, Any], places: list[str]) -> None:
    """Run a program as Python's command line would: `-m MODULE …`, `-c TEXT …`, or a file's path."""
    os.chdir(program["cwd"])
    os.environ.clear()
    os.environ.update(program["env"])
    sys.modules["numpy"].random.seed()
    first, *words = program["arguments"]
    named = [place for place in program["env"].get("PYTHONPATH", "").split(os.pathsep) if place]
    if first == "-m":
        sys.path[:] = [program["cwd"], *named, *places]
        sys.argv[:] = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path[:] = ["", *named, *places]
        sys.argv[:] = ["-c", *words[1:]]
        exec(words[0], {"__name__": "__main__", "__builtins__": __builtins__})
    else:
        sys.path[:] = [str(Path(first).parent), *named, *places]
        sys.argv[:] = [first, *words]
        runpy.run_path(first, run_name="__main__")


def ended(program: dict[str, Any], places: list[str]) -> int:
    """Run a program to its end, all but taking what was imported apart, and return its exit code."""
    code: Any = None
    try:
        become(program, places)
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def main() -> None:
    """Import the libraries, serve, and be what each fork is to run."""
    for name in LIBRARIES:
        import_module(name)
    assert threading.active_count() == 1, "Python's threads would be lost by a fork"
    gc.collect()
    gc.freeze()
    program = serve(socket.socket(fileno=int(sys.argv[1])))
    if program:
        os._exit(ended(program, sys.path[1:]))


if __name__ == "__main__":
    main()
