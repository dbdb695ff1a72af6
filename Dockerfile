# codif and its shipped models.
#
#   docker build -t codif:0.1.0 .
#   docker run -p 8080:8080 -e AUTH_API=True -e API_USERNAME=sirene -e API_PASSWORD=… codif:0.1.0
#
# codif does not listen where nobody is asked who they are (docs/OPERATIONS.md, "Who may call"). Behind an ingress that
# authenticates, and on nobody's network but your own: -e CODIF_INSECURE=yes. The operations port, 8081, is not for the public.
#
# A closed network names its own copies of the base images: --build-arg RUST_IMAGE=… --build-arg DEBIAN_IMAGE=…
# For an NVIDIA card an image of its own: --build-arg FEATURES=cuda, with RUST_IMAGE one that has Rust and the CUDA toolkit (and
# CUDA_COMPUTE_CAP of the card), DEBIAN_IMAGE one with the toolkit's libraries; then --gpus all -e CODIF_DEVICE=cuda:0. We have not built it.
# BuildKit or buildah is needed (RUN --mount); neither stage installs a package.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
ARG FEATURES=
WORKDIR /build
# Without rust-toolchain.toml: it asks for clippy and rustfmt too, which rustup would download. The bench is not built, but cargo
# wants to see each target whose path Cargo.toml leaves out.
COPY Cargo.toml Cargo.lock askama.toml ./
COPY benches/stages.rs benches/
COPY migrations migrations
COPY nomenclature nomenclature
# The wheel is not built, but cargo wants to see each member of the workspace.
COPY python/Cargo.toml python/Cargo.toml
COPY python/src python/src
COPY src src
# The cache may hold a codif built of other sources after these were last changed: cargo must not take it for this one.
RUN --mount=type=cache,id=codif-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=codif-target,target=/build/target,sharing=locked \
    touch src/lib.rs src/main.rs \
    && cargo build --release --locked --bin codif --features "${FEATURES}" \
    && cp target/release/codif /usr/local/bin/codif

FROM ${DEBIAN_IMAGE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="codif" \
      org.opencontainers.image.description="Codes what French businesses do: free text in, ranked NAF (APE) codes out" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN install -d -o 65532 -g 65532 /var/cache/codif
# Certificates of the public authorities, for S3 and MLflow over TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/codif /usr/local/bin/codif
COPY LICENSE /usr/share/doc/codif/LICENSE
COPY models /srv/codif/models
WORKDIR /srv/codif
ENV CODIF_LISTEN=0.0.0.0:8080 \
    CODIF_OPS_LISTEN=0.0.0.0:8081 \
    CODIF_CACHE=/var/cache/codif
VOLUME /var/cache/codif
EXPOSE 8080 8081
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["codif"]
CMD ["serve"]
