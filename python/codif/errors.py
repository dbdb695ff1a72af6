"""What can be wrong, and with what."""

from dataclasses import asdict, dataclass
from typing import Any, Optional


class CodifError(Exception):
    """Something of codif's own, or the machine's; the errors below are of it. Wrong arguments are ValueError and TypeError."""


class RegistryError(CodifError):
    """A registry has no answer: it is not there, cannot be reached, refuses, or has no such model."""


class ModelError(CodifError):
    """A model is refused: a file is damaged, unsigned, or not what it should be."""


class ColumnError(CodifError, ValueError):
    """The columns of a table are not what they should be."""


class ActivityError(CodifError, ValueError):
    """An activity cannot be coded.

    >>> import codif
    >>> coder = codif.Coder.from_registry("models", "ape-naf2008")
    >>> try:
    ...     coder.code("  ")
    ... except codif.ActivityError as error:
    ...     print(error.code, error.field)
    empty_description description
    """

    #: The stable code.
    code: str
    #: The same in words.
    message: str
    #: The field at fault, when there is one.
    field: Optional[str]

    def __init__(self, code: str, message: str, field: Optional[str] = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def __reduce__(self) -> Any:
        return ActivityError, (self.code, self.message, self.field)


@dataclass(frozen=True)
class ActivityFault:
    """Why one activity of several was not coded; it stands in the place of its coding."""

    #: The stable code.
    code: str
    #: The same in words.
    message: str
    #: The field at fault, when there is one.
    field: Optional[str] = None
    #: The identifier of the activity, when it had one.
    id: Optional[str] = None

    def to_dict(self) -> "dict[str, Optional[str]]":
        """The fault as /v1/code writes it in `error`."""
        fault = asdict(self)
        del fault["id"]
        return fault
