"""What makes each alert ring, and what doesn't: series by promtool's notation, a sample a minute."""

from dataclasses import dataclass, field

ALL = 'namespace="molino"'
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Series in which an alert rings at a time, with labels of its own; and others in which it doesn't."""

    rings: Series
    at: str
    silent: dict[str, tuple[Series, str]]
    """By what is well in them: series, and the time at which they are looked at."""
    labels: dict[str, str] = field(default_factory=lambda: {"namespace": "molino"})
    every: str = "1m"
    """How often rules are evaluated."""


def requests(good: str, failed: str = "0x3000") -> Series:
    answer = f'molino_requests_total{{{ALL}, pod="a", route="/predict", method="POST", model="m", version="1"'
    return {f'{answer}, status="200"}}': good, f'{answer}, status="503"}}': failed}


def latency(all_of_them: str, quick: str) -> Series:
    labels = f'{ALL}, pod="a", route="/predict", model="m"'
    return {
        **requests(all_of_them),
        f"molino_request_duration_seconds_count{{{labels}}}": all_of_them,
        f'molino_request_duration_seconds_bucket{{{labels}, le="0.1"}}': quick,
    }


def gauge(name: str, values: str, **labels: str) -> Series:
    own = "".join(f', {label}="{value}"' for label, value in labels.items())
    return {f"{name}{{{ALL}{own}}}": values}


def up(values: str, job: str = "serving", pod: str = "a") -> Series:
    return gauge("up", values, job=job, pod=pod)


def failed(values: str, model: str = "m") -> Series:
    return gauge("molino_model_failed", values, model=model, pod="a")


def workers(values: str, version: str) -> Series:
    return gauge("molino_model_workers", values, model="m", version=version, pod=version)


def created(values: str, version: str = "1") -> Series:
    return gauge("molino_model_created_timestamp_seconds", values, model="m", version=version, pod="a")


def drift(values: str) -> Series:
    return gauge("molino_drift_level", values, model="m", version="1", feature="f", window="3600", pod="a")


WRONG = {key.replace("503", "422"): values for key, values in requests("0+60x120", "0+6x120").items()}
"""Requests of clients who don't know what is asked for."""
CASES = {
    "MolinoAvailabilityBurnsFast": Case(
        requests("0+60x120", "0+6x120"),
        "2h",
        {
            "one in two thousand": (requests("0+2000x120", "0+1x120"), "2h"),
            "it is over": (requests("0+60x120", "0+6x60 360x60"), "2h"),
            "few requests": (requests("0x120", "0x100 1 2 3 4 5 5x20"), "104m"),
            "wrong requests": (WRONG, "2h"),
        },
    ),
    "MolinoAvailabilityBurnsSlowly": Case(
        requests("0+1000x1500", "0+5x1500"),
        "1500m",
        {"one in two thousand": (requests("0+2000x1500", "0+1x1500"), "1500m")},
        every="5m",
    ),
    "MolinoLatencyBurnsFast": Case(
        latency("0+60x120", "0+40x120"),
        "2h",
        {
            "one in two hundred": (latency("0+200x120", "0+199x120"), "2h"),
            "few requests": (latency("0x100 1 2 3 4 5 5x20", "0x130"), "104m"),
        },
    ),
    "MolinoLatencyBurnsSlowly": Case(
        latency("0+1000x1500", "0+950x1500"),
        "1500m",
        {"one in two hundred": (latency("0+200x1500", "0+199x1500"), "1500m")},
        every="5m",
    ),
    "MolinoServingDown": Case(
        up("1x5 0x10") | up("1x20", job="minio"),
        "10m",
        {
            "one of two is up": (up("0x20") | up("1x20", pod="b"), "10m"),
            "a pod is started anew": (up("1x5 0 1x10"), "7m"),
        },
        {},
    ),
    "MolinoModelNotServed": Case(
        failed("1x20") | failed("0x20", "n"),
        "10m",
        {"it is tried again and well": (failed("1x3 0x20"), "10m"), "it is served": (failed("0x20"), "10m")},
        {"namespace": "molino", "model": "m"},
    ),
    "MolinoPointerUnreadable": Case(
        gauge("molino_pointer_failed", "1x20", pod="a"),
        "10m",
        {"it is read": (gauge("molino_pointer_failed", "0x20", pod="a"), "10m")},
    ),
    "MolinoVersionsDiffer": Case(
        workers("2x30", "1") | workers("2x30", "2"),
        "20m",
        {"a rollout": (workers("2x5 0x30", "1") | workers("2x30", "2"), "20m")},
        {"namespace": "molino", "model": "m"},
    ),
    "MolinoModelOld": Case(
        created("-4000000x70"),
        "70m",
        {"a newer version is served too": (created("-4000000x70") | created("-86400x70", "2"), "70m")},
        {"namespace": "molino", "model": "m"},
    ),
    "MolinoFeatureDrifted": Case(
        drift("2x50"),
        "40m",
        {"moderately": (drift("1x50"), "40m"), "a while": (drift("2x20 0x50"), "40m")},
        {"namespace": "molino", "model": "m", "feature": "f"},
    ),
    "MolinoCountersLost": Case(
        gauge("molino_counters_lost", "0x5 3x5", pod="a"),
        "8m",
        {"all have room": (gauge("molino_counters_lost", "0x10", pod="a"), "8m")},
        {"namespace": "molino", "pod": "a"},
    ),
}
"""By alert; labels are what the alert says beside its name and severity."""
