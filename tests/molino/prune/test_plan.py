"""What may go, over random histories: whatever stays finds all that it refers to, and so does who reads in between."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from molino.prune.plan import Kind, Name, Plan, Policy, Thing, acts, decide
from training.evaluate.champion import LAST_RELEASES

NOW = datetime(2026, 11, 27, tzinfo=UTC)
MODELS = ("flats", "rooms")
KINDS: tuple[Kind, ...] = ("version", "run", "mlflow", "data")
POLICIES = st.builds(
    Policy,
    days=st.integers(0, 120),
    runs=st.integers(1, 6),
    releases=st.integers(1, 14),
    safety_hours=st.integers(0, 72),
    served=st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Thing]:
    """Draw what runs leave: each may take another's data, share bytes, stop anywhere, release and come into service."""
    things = [Thing(Name("data", "", f"{number}"), _moment(draw)) for number in range(draw(st.integers(1, 6)))]
    for model in MODELS:
        runs: list[Name] = []
        for number in range(draw(st.integers(0, 18))):
            run, mlflow = Name("run", model, f"r{number}"), Name("mlflow", model, f"m{number}")
            refers = {draw(st.sampled_from(runs))} if runs and draw(st.integers(0, 3)) == 0 else set()
            refers |= {Name("data", "", draw(st.sampled_from("0123456789")))} if draw(st.booleans()) else set()
            if draw(st.booleans()):
                things.append(Thing(mlflow, _moment(draw)))
                refers |= {mlflow} if draw(st.integers(0, 4)) else set()
            if draw(st.booleans()):
                version = Name("version", model, f"{number + 1}")
                pinned = "it is the champion" if draw(st.integers(0, 9)) == 0 else None
                made_by = frozenset({run, mlflow})
                things.append(Thing(version, _moment(draw), made_by, pinned, served=draw(st.booleans())))
                refers |= {version}
            if draw(st.integers(0, 9)):  # else its folder is lost, and what it has made elsewhere is left
                unreadable = draw(st.integers(0, 60)) == 0
                things.append(Thing(run, _moment(draw), frozenset(refers), unreadable=unreadable))
                runs.append(run)
    return things


def _moment(draw: st.DrawFn) -> datetime:
    return NOW - timedelta(hours=draw(st.integers(0, 24 * 150)))


@settings(max_examples=60, deadline=None)
@given(histories(), POLICIES)
def test_nothing_goes_that_anything_that_stays_refers_to(things: list[Thing], policy: Policy) -> None:
    plan = decide(things, policy, NOW)

    assert plan.kept.keys() | plan.going.keys() == {thing.name for thing in things}
    assert not plan.kept.keys() & plan.going.keys()
    for thing in things:
        if thing.name in plan.kept:
            assert not thing.refers & plan.going.keys(), thing.name


@settings(max_examples=60, deadline=None)
@given(histories(), POLICIES)
def test_what_is_pinned_or_young_or_among_the_last_stays(things: list[Thing], policy: Policy) -> None:
    going = decide(things, policy, NOW).going.keys()
    for thing in (one for one in things if one.name in going):
        assert thing.pinned is None
        assert thing.changed <= NOW - timedelta(hours=policy.safety_hours)
        assert thing.changed <= NOW - timedelta(days=policy.days)
        assert policy.served or not thing.served
    for model in MODELS:
        versions = sorted(int(one.name.id) for one in things if (one.name.kind, one.name.model) == ("version", model))
        last = {Name("version", model, str(number)) for number in versions[-max(policy.releases, 10) :]}
        runs = [one for one in things if (one.name.kind, one.name.model) == ("run", model)]
        newest = sorted(runs, key=lambda one: one.changed)[-policy.runs :]
        assert not last & going
        assert sum(one.name in going for one in newest) == 0 or len({one.changed for one in runs}) < len(runs)


@settings(max_examples=40, deadline=None)
@given(histories(), POLICIES)
def test_a_second_look_finds_nothing_more(things: list[Thing], policy: Policy) -> None:
    kept = decide(things, policy, NOW).kept.keys()
    assert decide([thing for thing in things if thing.name in kept], policy, NOW).going == {}


@settings(max_examples=40, deadline=None)
@given(histories(), POLICIES)
def test_wherever_it_ends_no_reader_meets_a_name_of_what_is_gone(things: list[Thing], policy: Policy) -> None:
    plan = decide(things, policy, NOW)
    found = {thing.name: thing for thing in things}
    gone: set[tuple[str, Name]] = set()
    for act in acts(plan):
        gone.add((act.part, act.name))
        for name in plan.going:
            missing = {other for other in _followed(found[name]) & _parts(plan) if other in gone}
            part = "entry" if name.kind == "version" else "records" if name.kind == "run" else ""
            assert (part, name) in gone or not part or not missing, (act, name, missing)


def _followed(thing: Thing) -> set[tuple[str, Name]]:
    """Return the parts that a reader of a registry's entry, or of a run's records, comes to."""
    if thing.name.kind == "version":
        return {("records", name) for name in thing.refers if name.kind == "run"}
    if thing.name.kind == "run":
        parts = {"version": "release", "mlflow": "mlflow", "data": "data", "run": "artifacts"}
        return {("artifacts", thing.name), *((parts[name.kind], name) for name in thing.refers)}
    return set()


def _parts(plan: Plan) -> set[tuple[str, Name]]:
    return {(act.part, act.name) for act in acts(plan)}


def test_a_run_that_cannot_be_read_keeps_all_that_it_may_refer_to() -> None:
    old = NOW - timedelta(days=400)
    names = [
        Name("run", "flats", "r1"),
        Name("mlflow", "flats", "m1"),
        Name("data", "", "1"),
        Name("run", "rooms", "r1"),
    ]
    things = [Thing(name, old) for name in names]
    newer = [Thing(Name("run", model, "r2"), NOW, unreadable=model == "flats") for model in MODELS]

    assert decide([*things, *newer], Policy(), NOW).going.keys() == set()
    assert decide([*things, *newer], Policy(runs=1), NOW).going.keys() == {Name("run", "rooms", "r1")}


def test_as_many_releases_stay_as_the_gate_compares_with() -> None:
    assert Policy().releases == LAST_RELEASES


def test_each_reason_is_told() -> None:
    old = NOW - timedelta(days=100)
    run, version = Name("run", "flats", "r1"), Name("version", "flats", "1")
    newer = [Thing(Name("version", "flats", str(number)), NOW) for number in range(2, 12)]
    newest = Thing(Name("run", "flats", "r2"), NOW)
    champion = Thing(version, old, frozenset({run}), "it is the champion")
    policy = Policy(runs=1)

    kept = decide([Thing(run, old), champion, newest, *newer], policy, NOW).kept
    assert (kept[version], kept[run]) == ("it is the champion", "version 1 of flats refers to it")
    going = decide([Thing(run, old), Thing(version, old, frozenset({run})), newest, *newer], policy, NOW).going
    assert going == {
        run: "older than 90 days, and not among the last 1 runs",
        version: "older than 90 days, never in service, and not among the last 10 releases",
    }


def test_the_order_goes_from_what_names_to_what_is_named() -> None:
    plan = Plan(going={Name(kind, "flats", "1"): "" for kind in KINDS})
    assert [act.part for act in acts(plan)] == ["entry", "records", "release", "artifacts", "mlflow", "data"]
