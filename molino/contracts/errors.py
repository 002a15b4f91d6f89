"""One exception type per border; each message is one line that says what, where, and what to do."""

from molino.contracts.address import without_credentials

FAILED, NOT_AGAIN = 1, 3
"""Exit codes of the command where a cause is known; after the second, another try would end the same way."""


class MolinoError(Exception):
    """A cause that a person can act on: shown as one line, without a traceback."""

    exit_code = FAILED
    put_back = False
    """Whether a change of what serves was begun, and taken back."""

    def __init__(self, message: str = "") -> None:
        super().__init__(without_credentials(message))


class SettingsError(MolinoError):
    """A `MOLINO_*` environment variable is missing or wrong."""


class ModelFileError(MolinoError):
    """A model file breaks its schema; names file, line, key and what was expected."""


class SourceError(MolinoError):
    """The source data can't be read, or breaks the model file as a whole."""


class StoreError(MolinoError):
    """The object store can't be reached, or an object is missing or altered."""


class VersionError(MolinoError):
    """Git or DVC refused, or a data revision can't be had."""


class RefusedDataError(VersionError):
    """The data differs from its last version as the model file refuses; another try finds the same data."""

    exit_code = NOT_AGAIN


class TrackingError(MolinoError):
    """MLflow can't be reached or refused."""


class StepError(MolinoError):
    """A step can't start or can't hold its contract."""


class NoCandidateError(StepError):
    """None of the candidates could be trained on the rows; another try has the same rows and the same seed."""

    exit_code = NOT_AGAIN


class ReleaseError(MolinoError):
    """A release bundle is missing, altered, or doesn't fit its own signature."""


class DeployError(MolinoError):
    """A release could not be put in service; the one before it is back."""


class ApprovalError(DeployError):
    """A release waits for a person's approval; another try without it ends the same way."""

    exit_code = NOT_AGAIN


class BrokenReleaseError(DeployError):
    """The release itself is what can't be served; the one before it is back, and another try changes nothing."""

    exit_code = NOT_AGAIN


class BackupError(MolinoError):
    """A backup can't be made, isn't whole, or can't be restored there."""


class PruneError(MolinoError):
    """What may be cleaned up can't be told, or is in use."""


class NoticeError(MolinoError):
    """A notice can't be sent."""

    def __init__(self, message: str, passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes
        """Whether another try may go well."""


class RunError(MolinoError):
    """A run on this machine, or one of the services around it, can't start or go on."""
