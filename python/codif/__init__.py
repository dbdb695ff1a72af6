"""codif for Python: codes what French businesses do.

>>> import codif
>>> coder = codif.Coder.from_registry("models", "ape-naf2008@production")
>>> coding = coder.code("coiffure à domicile")
>>> coding.predictions[0].code, coding.predictions[0].title
('9602A', 'Coiffure')

`Coder.code` takes texts and dicts, `Coder.code_arrow` tables of pyarrow, polars and duckdb, `codif.spark.code_dataframe` those of
Spark. The answers are those of `codif code`, `codif recode` and `/v1/code`.
"""

import os as _os
from typing import Any as _Any

# Before the native module is loaded, which looks for it: codif spreads texts over threads itself, and its matrix products are
# slower on several. Whoever has set it before importing codif is left alone.
_os.environ.setdefault("RAYON_NUM_THREADS", "1")

from codif._codif import (  # noqa: E402
    CodedBatch,
    CodedTable,
    Coder,
    Coding,
    Prediction,
    Term,
    UnusedValue,
    __version__,
)
from codif.errors import (  # noqa: E402
    ActivityError,
    ActivityFault,
    CodifError,
    ColumnError,
    ModelError,
    RegistryError,
)

__all__ = [
    "ActivityError",
    "ActivityFault",
    "CodedBatch",
    "CodedTable",
    "Coder",
    "CodifError",
    "Coding",
    "ColumnError",
    "ModelError",
    "Prediction",
    "RegistryError",
    "Term",
    "UnusedValue",
    "__version__",
]


def _shared_coder(registry: str, model: str, options: "dict[str, _Any]") -> Coder:
    """What a pickled Coder calls."""
    return Coder.shared(registry, model, **options)
