# Every task of the project. `just --list` names them.

# What the tests need, then every test: what CI runs.
check:
    ./test.sh

# Serve the shipped models on http://127.0.0.1:8080.
serve:
    cargo run --release

# Train the shipped models again (a few minutes on two cores).
train:
    cargo run --release -- train models/corpus/declarations.tsv --name ape-naf2008 --nomenclature naf2008 --refit --alias production
    cargo run --release -- train models/corpus/declarations.tsv --name ape-naf2025 --nomenclature naf2025 --refit --alias production

# Time each stage of a coding.
bench:
    RAYON_NUM_THREADS=1 cargo bench --bench stages

# Throw random and mutated bytes at every reader, for a long time.
fuzz cases="200000":
    CODIF_FUZZ_CASES={{cases}} cargo nextest run --release fuzzing

# Load on codif, a FastAPI service with fastText and an empty route, in one run.
load part="all":
    cargo build --release --example empty-route --bin codif
    benches/load.sh {{part}}

# Ten minutes of mixed load with bad clients.
soak:
    cargo build --release --bin codif
    benches/soak.sh

# Start, memory and latency while a large model is swapped, for docs/REGISTRY.md.
registry *megabytes:
    cargo build --release --bin codif
    benches/registry.sh {{megabytes}}

# Ways to bring a large version into memory, for docs/REGISTRY.md: FILE is its model.safetensors (benches/big_model.py makes one).
reading file:
    cargo build --release --example reading
    benches/reading.sh {{file}}

# A hundred thousand requests during a hundred swaps.
swaps requests="100000" swaps="100":
    CODIF_SWAP_REQUESTS={{requests}} CODIF_SWAPS={{swaps}} cargo nextest run --release hot_swap

# Build the container image with buildah, as root on Debian, and run it: ten minutes the first time.
image:
    tests/image.sh

# Measure the reference fastText library on the same texts.
peers:
    benches/peers/accuracy.sh

# Speed of codif beside the fastText library and its forks, same model files and texts: half an hour; --quick is a minute.
peers-speed *arguments:
    cargo build --release --example peers --bin codif
    benches/peers/run.sh {{arguments}}

# `codif train` beside the fastText library: seconds and accuracy.
peers-training *arguments:
    cargo build --release --bin codif
    benches/peers/training.sh {{arguments}}

# `codif recode` beside fastText and pandas, a million rows: half an hour; --quick is a minute.
recode-speed *arguments:
    cargo build --release --bin codif
    benches/recode.sh {{arguments}}

# `codif recode` beside Spark on the same machine and rows.
spark-speed *arguments:
    cargo build --release --bin codif
    benches/spark.sh {{arguments}}

# The Python wheel, into target/wheels: it takes maturin (pip install maturin).
wheel:
    maturin build --release --locked --manifest-path python/Cargo.toml

# Whether codif with the feature `cuda` compiles, on a machine without a card: the toolkit (1.1 GB) comes from PyPI.
gpu-check *arguments:
    tests/cuda-check.sh {{arguments}}

# The core's unit tests under the address sanitizer: every dependency is built once more, ten minutes.
sanitize:
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/sanitized \
        cargo test --release --lib --target x86_64-unknown-linux-gnu coding::

# Format everything.
format:
    cargo fmt
