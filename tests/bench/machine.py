"""The machine that a benchmark ran on, described for its readers."""

import os
import platform
from pathlib import Path


def describe_machine() -> str:
    """Return processor, cores, memory, system and Python as a Markdown list."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        f"Processor: {_field(Path('/proc/cpuinfo'), 'model name') or platform.processor()}, "
        f"{len(os.sched_getaffinity(0))} cores usable of {os.cpu_count()}",
        f"Memory: {memory:.1f} GiB",
        f"System: {_system()}, Linux {platform.release()}",
        f"Python: {platform.python_version()}",
        f"Load average when the run began: {os.getloadavg()[0]:.2f}",
    ]
    return "".join(f"- {line}\n" for line in lines)


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _field(path: Path, name: str) -> str:
    """Return the first value of a `name : value` file."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
