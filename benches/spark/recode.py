"""`codif recode` over the files: one core, then two."""

import os
import subprocess
import tempfile
import time

from options import options, told

asked = options()
settings = ["--quiet", "--overwrite", "--model", "ape-naf2008", "--nature", "nature", "--form-type", "form_type"]
for cores in (1, 2):
    for _ in range(asked.rounds):
        with tempfile.TemporaryDirectory() as place:
            pinned = ["taskset", "-c", "0"] if cores == 1 else []
            command = [*pinned, asked.codif, "recode", f"{asked.folder}/", f"{place}/out/", *settings, "--threads", str(cores)]
            start = time.perf_counter()
            subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, env=os.environ | {"CODIF_REGISTRY": "models"})
            told(f"codif recode, {cores} core{'s' * (cores > 1)}", asked.count, time.perf_counter() - start)
