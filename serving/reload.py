"""`python -m serving.reload`: the server, started again at each SIGHUP.

For development, where `skaffold dev` changes the code in a running pod: the workers' modules are loaded before they
are forked, so that only a new server sees new code.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

SERVER = (sys.executable, "-m", "serving")
AGAIN = signal.SIGHUP
STOPS = (signal.SIGTERM, signal.SIGINT)


def run(command: Sequence[str] = SERVER) -> int:
    """Run a program, again at each SIGHUP, and return its exit code once it is told to stop or ends by itself."""
    watched = {AGAIN, *STOPS, signal.SIGCHLD}
    signal.signal(signal.SIGCHLD, lambda *_: None)  # Ignored signals can't be waited for.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        while True:
            process = subprocess.Popen(command, preexec_fn=partial(signal.pthread_sigmask, signal.SIG_SETMASK, before))
            told = _told(process, watched)
            if told is None:
                return process.returncode
            process.send_signal(signal.SIGTERM if told is AGAIN else told)
            process.wait()
            if told is not AGAIN:
                return process.returncode
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told(process: "subprocess.Popen[bytes]", watched: set[signal.Signals]) -> signal.Signals | None:
    """Return the signal that came, none when the program has ended by itself."""
    while True:
        came = signal.Signals(signal.sigwait(watched))
        if came is not signal.SIGCHLD:
            return came
        if process.poll() is not None:
            return None


if __name__ == "__main__":
    sys.exit(run())
