import pytest

from molino.contracts.trace_context import Place, read_traceparent

TRACE, SPAN = "a" * 32, "b" * 16
FIRST = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("text", [FIRST, f" {FIRST} ", f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-more"])
def test_a_place_is_read(text: str) -> None:
    assert read_traceparent(text) == Place(TRACE, SPAN)


@pytest.mark.parametrize("sampled", [True, False])
def test_what_is_told_is_read_as_it_was(sampled: bool) -> None:
    place = Place(TRACE, SPAN, sampled)
    assert read_traceparent(place.traceparent) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-1-2-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"{FIRST}-more",
        f"{FIRST}2",
    ],
)
def test_a_malformed_traceparent_is_none(text: str) -> None:
    assert read_traceparent(text) is None
