"""Every error this package raises on purpose.

    ToolkitError
    ├── DataError            (ValueError)    the client's table cannot be used as it is
    │   └── ColumnError      (KeyError)      a named column is not there, or plays two roles
    ├── SpecificationError   (ValueError)    the model that was asked for is impossible
    │   ├── PriorError                       a prior has a wrong name, shape or hyperparameter
    │   ├── UpliftTestError                  an experiment is impossible, or not of this client
    │   └── ChannelGraphError                what is known of the channels' graph is impossible
    ├── NotFittedError       (RuntimeError)  a result was asked for before ``fit``
    │   └── ScalerNotFittedError (ValueError)  a scaler was used before ``fit``
    ├── MemberFailedError    (RuntimeError)  a result was asked of a fleet's member that failed
    ├── TrainingError        (RuntimeError)  a network could not be trained
    ├── MissingExtraError    (ImportError)   a library of an extra is not installed
    ├── SavedModelError      (ValueError)    a file is not one that this version can read
    └── ClientFileError      (ValueError)    a client's settings cannot be used as they are

Each subclass also inherits the builtin that it refines, so ``except ValueError`` keeps working.
Each message says what was got, what was expected and what to do.
Warnings that can be acted upon have categories of their own, so that they can be filtered by name.
"""

import warnings
from pathlib import Path

_PACKAGE_FOLDER = str(Path(__file__).parent)


class ToolkitError(Exception):
    """Base of every error raised by this package."""


class DataError(ToolkitError, ValueError):
    """The client's table cannot be used as it is."""


class ColumnError(DataError, KeyError):
    """A named column is missing from the table, or was given two roles."""

    # KeyError would print the repr of the message, quotes and escapes included.
    __str__ = Exception.__str__


class SpecificationError(ToolkitError, ValueError):
    """The model that was asked for is impossible or unknown."""


class PriorError(SpecificationError):
    """A prior has an unknown name, wrong dims or an impossible hyperparameter."""


class UpliftTestError(SpecificationError):
    """An experiment is incomplete, contradicts itself, or is not about this client's data."""


class ChannelGraphError(SpecificationError):
    """What is asked of the channels' graph, or known about it, is impossible."""


class NotFittedError(ToolkitError, RuntimeError):
    """A result was asked for before the model was fitted."""


class ScalerNotFittedError(NotFittedError, ValueError):
    """A scaler was used before it was fitted."""


class MemberFailedError(ToolkitError, RuntimeError):
    """A result was asked of a member of a fleet that could not be fitted."""


class TrainingError(ToolkitError, RuntimeError):
    """A network could not be trained on the data."""


class MissingExtraError(ToolkitError, ImportError):
    """A library is needed that comes with an extra of this package, and it is not installed."""


class SavedModelError(ToolkitError, ValueError):
    """A file is not a saved model or fleet that this version can read."""


class ClientFileError(ToolkitError, ValueError):
    """A client's settings, or a file that they name, cannot be used as they are."""


class DataWarning(UserWarning):
    """The data are usable, but something about them should be looked at."""


class ConvergenceWarning(UserWarning):
    """The sampler did not converge; the numbers should not be shown to a client."""


def warn_user(message: str, category: type[UserWarning]) -> None:
    """Warn at the user's line of code, however deep inside the package the reason was found.

    Parameters
    ----------
    message : str
    category : type of UserWarning
    """
    warnings.warn(message, category, skip_file_prefixes=(_PACKAGE_FOLDER,))
