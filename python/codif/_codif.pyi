"""The native part of codif."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Optional, Protocol, TypedDict, Union, final, overload

from codif.errors import ActivityFault

__version__: str

class Activity(TypedDict, total=False):
    """The fields of /v1/code. There is no such class when the program runs."""

    id: Optional[str]
    description: Optional[str]
    other_nature: Optional[str]
    agricultural_detail: Optional[str]
    form_type: Optional[str]
    nature: Optional[str]
    event: Optional[str]
    surface: Optional[float]
    surface_class: Optional[str]
    legal_category: Optional[str]
    permanence: Optional[str]

class ArrowStream(Protocol):
    """A table of pyarrow, polars or duckdb. There is no such class when the program runs."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> object: ...

class ArrowArray(Protocol):
    """A batch of pyarrow. There is no such class when the program runs."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> "tuple[object, object]": ...

Columns = Union[str, "Mapping[str, Union[str, Sequence[str], None]]"]
Path = Union[str, "os.PathLike[str]"]

@final
class Coder:
    """A loaded model with everything needed to code."""

    @staticmethod
    def from_registry(
        registry: Path,
        model: str,
        *,
        cache: Optional[Path] = None,
        require_signature: Union[Path, Sequence[Path], None] = None,
        known_words: Union[str, int, None] = None,
        repeats: Optional[int] = None,
        device: Optional[str] = None,
        s3_endpoint: Optional[str] = None,
        s3_region: Optional[str] = None,
        s3_path_style: Optional[bool] = None,
        s3_ca: Optional[Path] = None,
    ) -> Coder:
        """Loads a model of a registry: a directory, s3://BUCKET/PREFIX or mlflow+http://HOST:PORT."""

    @staticmethod
    def shared(
        registry: Path,
        model: str,
        *,
        cache: Optional[Path] = None,
        require_signature: Union[Path, Sequence[Path], None] = None,
        known_words: Union[str, int, None] = None,
        repeats: Optional[int] = None,
        device: Optional[str] = None,
        s3_endpoint: Optional[str] = None,
        s3_region: Optional[str] = None,
        s3_path_style: Optional[bool] = None,
        s3_ca: Optional[Path] = None,
    ) -> Coder:
        """As from_registry, but loaded once in this process."""

    @property
    def model(self) -> str:
        """The version: NAME:VERSION."""

    @property
    def nomenclature(self) -> str:
        """The nomenclature it codes in."""

    @property
    def labels(self) -> "list[str]":
        """The codes it can give."""

    @property
    def threshold(self) -> float:
        """The confidence gap from which a code is given automatically."""

    @overload
    def code(
        self,
        activity: Union[str, Activity],
        *,
        top_k: int = 5,
        threshold: Optional[float] = None,
        explain: bool = False,
    ) -> Coding: ...
    @overload
    def code(
        self,
        activity: "Iterable[Union[str, Activity, None]]",
        *,
        top_k: int = 5,
        threshold: Optional[float] = None,
        explain: bool = False,
    ) -> "list[Union[Coding, ActivityFault]]": ...
    @overload
    def code_arrow(
        self,
        data: ArrowArray,
        *,
        columns: Optional[Columns] = None,
        top_k: int = 5,
        threshold: Optional[float] = None,
        keep: Optional[Sequence[str]] = None,
        previous_code: Optional[str] = None,
        previous_nomenclature: Optional[str] = None,
        constrain_to_successors: bool = False,
        threads: int = 1,
    ) -> CodedBatch: ...
    @overload
    def code_arrow(
        self,
        data: ArrowStream,
        *,
        columns: Optional[Columns] = None,
        top_k: int = 5,
        threshold: Optional[float] = None,
        keep: Optional[Sequence[str]] = None,
        previous_code: Optional[str] = None,
        previous_nomenclature: Optional[str] = None,
        constrain_to_successors: bool = False,
        threads: int = 1,
    ) -> CodedTable: ...
    def __reduce__(self) -> Any: ...

@final
class Coding:
    """What codif says of one activity."""

    @property
    def id(self) -> Optional[str]: ...
    @property
    def model(self) -> str: ...
    @property
    def decision(self) -> Literal["automatic", "manual"]: ...
    @property
    def reason(self) -> Optional[Literal["below_threshold", "nothing_left", "nothing_known"]]: ...
    @property
    def code(self) -> Optional[str]: ...
    @property
    def confidence_gap(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def predictions(self) -> "list[Prediction]": ...
    @property
    def warnings(self) -> "list[UnusedValue]": ...
    @property
    def explanation(self) -> "Optional[list[Term]]": ...
    @property
    def explanation_kind(self) -> Optional[Literal["exact", "local"]]: ...
    @property
    def normalised(self) -> Optional[str]: ...
    def to_dict(self) -> "dict[str, Any]":
        """The coding as /v1/code writes it for its nomenclature."""

@final
class Prediction:
    """One code proposed."""

    @property
    def rank(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def probability(self) -> float: ...
    @property
    def path(self) -> "list[str]": ...

@final
class Term:
    """What one term adds to the logit of the best code."""

    @property
    def term(self) -> str: ...
    @property
    def contribution(self) -> float: ...

@final
class UnusedValue:
    """A value the model made nothing of."""

    @property
    def field(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...

@final
class CodedBatch:
    """Coded rows in one batch."""

    @property
    def column_names(self) -> "list[str]": ...
    @property
    def num_rows(self) -> int: ...
    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: Any = None) -> "tuple[object, object]": ...
    def __arrow_c_stream__(self, requested_schema: Any = None) -> object: ...

@final
class CodedTable:
    """Coded rows in as many batches as came."""

    @property
    def column_names(self) -> "list[str]": ...
    @property
    def num_rows(self) -> int: ...
    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: Any = None) -> object: ...
