"""What a release says about the split of the rows that it was made from."""

from pydantic import BaseModel, ConfigDict


class SplitIdentity(BaseModel):
    """Enough to tell of any row which part it fell into, in the data of the release or in later ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    seed: int
    test: float
    validation: float
    columns: tuple[str, ...]
    """What is hashed, grouped or ordered by."""
    features: tuple[str, ...] = ()
    """The model's features, in order."""
    by: str | None = None
    """Of a stratified split: the column of the classes."""
    boundaries: dict[str, tuple[float, float]] = {}
    """Of kinds that depend on the data: the two cuts between the parts, per class, or of the one column that orders."""
    form: str | None = None
    """Of a split by time: whether its column had numbers or dates, as the cuts are; none where it isn't known."""
    refitted: bool = False
    """True where the model was refitted on training and validation rows."""
    all_rows: bool = False
    """True where what serves was refitted on all rows: none of them is one that it hasn't seen."""
