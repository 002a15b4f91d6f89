"""How the data may differ from its last version: a class per check, with what a difference beyond it means."""

from typing import Annotated, Literal

from pydantic import Field

from molino.contracts.part import Part

Share = Annotated[float, Field(ge=0, le=1)]
Then = Literal["warn", "refuse", "off"]


class Check(Part):
    """One thing that is compared with the last data version."""

    then: Then = "warn"
    """What a greater difference means: a warning, no new data version, or nothing."""
    above: float = Field(default=0.0, ge=0)


class NewValues(Check):
    """Values of a category that the last version lacks."""

    above: Share = 0.0
    """Share of the column's rows that may have such values."""


class VanishedValues(Check):
    """Values of a category that only the last version has."""

    above: Share = 0.01
    """Share of the last version's rows that may have had such values."""


class ShiftedMeans(Check):
    """Means of numbers."""

    above: float = Field(default=0.5, ge=0)
    """How far a mean may lie from that of the last version, in standard deviations of the last version."""


class MissingShare(Check):
    """Shares of missing values."""

    above: Share = 0.1
    """How much larger or smaller a column's share of missing values may be."""


class FewerRows(Check):
    """Rows that are gone."""

    above: Share = 0.5
    """Share of the last version's rows that may be gone."""


class Checks(Part):
    """What is compared with the last data version before there is a new one."""

    new_values: NewValues = NewValues()
    vanished_values: VanishedValues = VanishedValues()
    shifted_means: ShiftedMeans = ShiftedMeans()
    missing_share: MissingShare = MissingShare()
    fewer_rows: FewerRows = FewerRows()
