"""What each kind of split promises, over generated rows."""

import numpy as np
import polars as pl
import pytest
from mixed import model_of

from molino.contracts.splits import SplitIdentity
from training.splits import TEST, TRAIN, VALIDATION, identify, place, unseen
from training.splits.place import known

NUMBERS = [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}]
CLASSES = ["high", "low", "middle"]
KINDS = {
    "hash": {"kind": "hash"},
    "key": {"kind": "hash", "key": ["id"]},
    "group": {"kind": "group", "column": "who"},
    "time": {"kind": "time", "column": "when"},
    "stratified": {"kind": "stratified"},
}


def model(kind, **split):
    task = "classification" if kind == "stratified" else "regression"
    return model_of(task, NUMBERS, split=KINDS[kind] | {"test": 0.2, "validation": 0.15, "seed": 3} | split)


def table(rows, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "a": rng.normal(size=rows),
            "b": rng.normal(size=rows),
            "id": [f"r{index}" for index in range(rows)],
            "who": [f"g{index}" for index in rng.integers(0, max(2, rows // 5), rows)],
            "when": [f"{value:.6f}" for value in rng.uniform(0, 1e4, rows)],
        }
    )


def with_target(kind, frame, seed=1):
    rng = np.random.default_rng(seed)
    return frame.with_columns(y=pl.Series(rng.choice(CLASSES, len(frame), p=[0.1, 0.6, 0.3]))
                              if kind == "stratified" else pl.Series(rng.normal(size=len(frame))))  # fmt: skip


def split(kind, frame, **keys):
    """Split rows anew: the identity with its boundaries, and the part of each row."""
    wanted = model(kind, **keys)
    identity = identify(wanted)
    placement = place(identity, frame, wanted.target.classes or ())
    boundaries = known(identity.kind).boundaries(identity, placement)
    identity = identity.model_copy(update={"boundaries": boundaries})
    return identity, known(identity.kind).parts(identity, placement)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("part", "share"), [(TEST, 0.2), (VALIDATION, 0.15), (TRAIN, 0.65)])
def test_shares_are_as_asked(kind, part, share):
    parts = split(kind, with_target(kind, table(20_000)))[1]
    assert abs(np.mean(parts == part) - share) < 0.02


@pytest.mark.parametrize("kind", ["hash", "key", "group"])
def test_a_row_on_top_changes_no_other_rows_part(kind):
    frame = with_target(kind, table(501))
    assert np.array_equal(split(kind, frame[1:])[1], split(kind, frame)[1][1:])


@pytest.mark.parametrize("kind", ["time", "stratified"])
def test_a_row_on_top_moves_only_rows_at_a_boundary(kind):
    frame = with_target(kind, table(501))
    assert (split(kind, frame[1:])[1] != split(kind, frame)[1][1:]).sum() <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_rows_makes_no_difference(kind):
    frame = with_target(kind, table(400))
    order = np.random.default_rng(2).permutation(400)
    assert np.array_equal(split(kind, frame[order])[1], split(kind, frame)[1][order])


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rows_fall_together(kind):
    frame = with_target(kind, table(300))
    parts = split(kind, pl.concat([frame] * 4))[1].reshape(4, 300)
    assert (parts == parts[0]).all()


@pytest.mark.parametrize("kind", ["hash", "group", "key", "stratified"])
def test_another_seed_gives_another_split(kind):
    frame = with_target(kind, table(500))
    assert not np.array_equal(split(kind, frame, seed=1)[1], split(kind, frame, seed=2)[1])


def test_a_group_stays_together():
    frame = with_target("group", table(3000))
    parts = pl.DataFrame({"who": frame["who"], "part": split("group", frame)[1]})
    assert parts.group_by("who").n_unique()["part"].max() == 1


def test_a_key_decides_alone():
    frame = with_target("key", table(500))
    assert np.array_equal(split("key", frame.with_columns(a=0.0))[1], split("key", frame)[1])


def test_what_is_tested_comes_after_what_is_trained_on():
    frame = with_target("time", table(500))
    parts, when = split("time", frame)[1], frame["when"].cast(pl.Float64).to_numpy()
    spans = [(when[parts == part].min(), when[parts == part].max()) for part in (TRAIN, VALIDATION, TEST)]
    assert [edge for span in spans for edge in span] == sorted(edge for span in spans for edge in span)


def test_rows_of_one_time_stay_together():
    frame = with_target("time", table(500)).with_columns(when=pl.Series(np.arange(500) // 45).cast(pl.String))
    parts = pl.DataFrame({"when": frame["when"], "part": split("time", frame)[1]})
    assert parts.group_by("when").n_unique()["part"].max() == 1


@pytest.mark.parametrize(
    "shown",
    ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d",
     "%Y-%m-%dT%H:%M:%S+02:00", "%Y-%m-%dT%H:%M:%S%.3f"],
)  # fmt: skip
def test_dates_of_each_form_are_in_order(shown):
    days = pl.Series(np.arange(200)).cast(pl.Duration("us")) * 86_400_000_000 + pl.Series([0]).cast(pl.Datetime("us"))
    frame = with_target("time", table(200)).with_columns(when=days.dt.to_string(shown))
    assert split("time", frame)[1].tolist() == sorted(split("time", frame)[1].tolist(), key=[0, 1, 2].index)


def test_cuts_of_numbers_say_nothing_of_dates():
    years = with_target("time", table(200)).with_columns(when=(pl.Series(np.arange(200)) // 10 + 2000).cast(pl.String))
    days = years.with_columns(when=pl.col("when") + "-01-31")
    identity = split("time", years)[0]
    assert unseen(identity, days).all()
    known_form = identity.model_copy(update={"form": known("time").form(identity, years)})
    assert unseen(known_form, days) == "its rows were split by numbers in when, which are dates now"
    assert unseen(known_form, years).sum() == 40
    assert known("time").form(identity, days.with_columns(pl.col("when").str.to_date())) == "dates"


@pytest.mark.parametrize("seed", range(30))
def test_a_class_of_ten_is_in_every_part(seed):
    frame = with_target("stratified", table(1000)).with_columns(y=pl.Series(["high"] * 10 + ["low"] * 990))
    parts = split("stratified", frame, seed=seed)[1][:10]
    assert [int((parts == part).sum()) for part in (TEST, VALIDATION)] in ([2, 1], [2, 2])


@pytest.mark.parametrize(("size", "wanted"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1])])
def test_a_tiny_class_is_trained_on_first(size, wanted):
    frame = with_target("stratified", table(200)).with_columns(y=pl.Series(["high"] * size + ["low"] * (200 - size)))
    assert np.bincount(split("stratified", frame)[1][:size], minlength=3).tolist() == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_held_out_is_unseen(kind):
    frame = with_target(kind, table(500))
    identity, parts = split(kind, frame)
    assert np.array_equal(unseen(identity, frame), parts == TEST)


@pytest.mark.parametrize("kind", KINDS)
def test_an_identity_tells_the_same_after_a_round_by_json(kind):
    frame = with_target(kind, table(500))
    identity, parts = split(kind, frame)
    again = SplitIdentity.model_validate_json(identity.model_dump_json())
    assert np.array_equal(unseen(again, frame), parts == TEST)


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_that_was_trained_on_is_unseen_whatever_comes_later(kind):
    frame = with_target(kind, table(800))
    identity, parts = split(kind, frame[:500])
    later = unseen(identity, frame)
    assert not later[:500][parts != TEST].any()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": "astrology"}, "split by 'astrology', which this version of Molino doesn't know"),
        ({"columns": ("a", "gone")}, "split by gone, which the rows no longer have"),
    ],
)
def test_what_cannot_be_known_is_said(changes, why):
    frame = with_target("hash", table(50))
    identity = split("hash", frame)[0].model_copy(update=changes)
    assert why in unseen(identity, frame)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{"columns": ()}, {"boundaries": {}, "by": None}, {"seed": -1}, {"seed": 2**70}])
def test_an_identity_that_lacks_a_part_leaves_no_row_that_was_trained_on_unseen(kind, changes):
    """Written by hand or by another version, it says so, or tells the rows apart all the same."""
    frame = with_target(kind, table(50))
    identity, parts = split(kind, frame)
    found = unseen(identity.model_copy(update=changes), frame)
    said = f"its release doesn't say all of how its rows were split by {identity.kind!r}"
    assert found == said if isinstance(found, str) else np.array_equal(found, parts == TEST)


def test_a_release_without_its_split_is_said():
    assert unseen(None, table(5)) == "its release doesn't say which rows it was trained on"


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_judges_in_one_fold_and_never_where_it_trains(kind):
    wanted = model(kind)
    frame = with_target(kind, table(600))
    placement = place(identify(wanted), frame, wanted.target.classes or ())
    folds = known(identify(wanted).kind).folds(placement, 5)
    assert not any((train & judge).any() for train, judge in folds)
    judged = sum(judge.astype(int) for _, judge in folds)
    assert judged.max() == 1
    assert judged.sum() == (500 if kind == "time" else 600)


def test_folds_of_time_go_forward():
    wanted = model("time")
    placement = place(identify(wanted), with_target("time", table(600)), ())
    for train, judge in known("time").folds(placement, 4):
        assert placement.positions[train].max() < placement.positions[judge].min()


def test_folds_keep_groups_together():
    wanted = model("group")
    frame = with_target("group", table(600))
    for train, judge in known("group").folds(place(identify(wanted), frame, ()), 4):
        assert set(frame["who"].filter(pl.Series(train))).isdisjoint(frame["who"].filter(pl.Series(judge)))


def test_folds_have_rows_of_each_class():
    wanted = model("stratified")
    frame = with_target("stratified", table(600)).with_columns(y=pl.Series(["high"] * 5 + ["low"] * 595))
    for _, judge in known("stratified").folds(place(identify(wanted), frame, wanted.target.classes or ()), 5):
        assert judge[:5].sum() == 1


def test_the_kind_without_a_name_goes_by_the_task():
    assert identify(model_of("regression", NUMBERS)).kind == "hash"
    assert identify(model_of("classification", NUMBERS)).kind == "stratified"
