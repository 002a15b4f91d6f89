"""The store of records, data and releases."""

from collections.abc import Iterator

from molino.contracts.errors import MolinoError
from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, judge


def check(settings: Settings) -> Iterator[Finding]:
    """Write an object, read it back and take it away."""
    from training.stores.opening import kind_of, open_at

    uri = settings.store_uri
    kind = kind_of(uri)
    keys = f", {kind.settings_named}" if kind and kind.settings_named else ""
    advice = f"check MOLINO_STORE{keys}, and that it may be written"
    try:
        well = open_at(uri, settings).probe()
    except (MolinoError, OSError) as error:
        yield Finding("store", "fail", str(error), advice)
    else:
        yield judge("store", well, uri, advice)
