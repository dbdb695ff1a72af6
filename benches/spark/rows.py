"""Makes the rows of ../recode.sh, and lays them into several files; prints where."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as parquet
from options import options

asked = options()
made = asked.data / "recode" / str(asked.count)
rows = Path(__file__).resolve().parents[1] / "recode" / "rows.py"
subprocess.run([sys.executable, rows, made, "--rows", str(asked.count)], check=True, stdout=sys.stderr)
folder = made / f"in-{asked.files}-files"
if not (folder / "_SUCCESS").exists():
    folder.mkdir(exist_ok=True)
    table = parquet.read_table(made / "distinct.parquet")
    size = -(-table.num_rows // asked.files)
    for number in range(asked.files):
        parquet.write_table(table.slice(number * size, size), folder / f"rows-{number:03}.parquet")
    (folder / "_SUCCESS").touch()
print(folder)
