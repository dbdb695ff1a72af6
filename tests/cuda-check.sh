#!/usr/bin/env bash
# Whether codif with the feature `cuda` compiles, on a machine without a card or a toolkit: tests/cuda-check.sh [CARGO ARGUMENT…]
# The toolkit comes from PyPI (1.1 GB) into an environment of its own. No part of the test run: candle's kernels alone take a
# quarter of an hour to compile, once. Without arguments it runs `cargo check --release --features cuda --all-targets`; with
# `true` as the first, it only prepares the toolkit.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh

# toolkit ENVIRONMENT: fetches the toolkit, leaves where it is in $cuda.
toolkit() {
    environment "$1" tests/cuda-requirements.txt || return
    cuda=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/cu13
    [ -x "$cuda/bin/nvcc" ] || { echo "there is no nvcc in $cuda/bin" >&2; return 1; }
    unversioned "$cuda/lib"
    # Where NVIDIA's own installer has them.
    ln -sfn lib "$cuda/lib64"
}

# unversioned DIRECTORY: gives libNAME.so.VERSION… the name libNAME.so, by which the linker asks for it.
unversioned() {
    local library
    for library in "$1"/lib*.so.*; do
        ln -sf "$(basename "$library")" "${library%%.so.*}.so"
    done
}

# An absolute path, as CODIF_TOOLS may be one or not.
toolkit "$(realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/cuda"
export CUDA_HOME=$cuda CUDA_PATH=$cuda CUDA_ROOT=$cuda CUDA_TOOLKIT_ROOT_DIR=$cuda
export PATH=$cuda/bin:$PATH
export LIBRARY_PATH=$cuda/lib${LIBRARY_PATH:+:$LIBRARY_PATH}
export LD_LIBRARY_PATH=$cuda/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# The card it is for is not here to be asked: 9.0 is an H100.
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}
nvcc --version | tail -n 2
[ $# -gt 0 ] || set -- check --release --features cuda --all-targets
[ "$1" = true ] || cargo "$@"
