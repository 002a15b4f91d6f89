"""Whatever `molino secrets rotate` says, `make production` knows how to do."""

import pytest

from molino.secrets.making import PARTS, made
from molino.secrets.rotation import Held, changeable, turn
from tests.e2e.production.orders import Order, UnknownOrderError, read


@pytest.mark.parametrize("part", PARTS)
def test_every_order_of_every_step_is_known(part: str) -> None:
    for key in changeable(part):
        held, number, of = Held(f"molino-{part}", made(part), {}), 0, 1
        while number < of:
            step = turn(part, key, held, "molino")
            number, of = step.number, step.of
            said = [f"step {number} of {of}: {step.does}", *(f"  {at}. {one}" for at, one in enumerate(step.orders, 1))]
            found = read("\n".join(said))
            assert (found.number, found.of, len(found.orders)) == (number, of, len(step.orders))
            assert [one.about for one in found.orders if one.kind == "restart"] == [
                one.removeprefix("kubectl rollout restart ").split(",")[0].split(";")[0].split(":")[0]
                for one in step.orders
                if one.startswith("kubectl rollout restart ")
            ]
            held = Held(held.name, step.data, {"annotations": dict(step.annotations)})


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UnknownOrderError, match="reboot the cluster"):
        Order.read("reboot the cluster")
