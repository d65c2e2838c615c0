# The one image: the program, and of the rest only what it needs to run. No shell, no root.
#
# Building needs BuildKit, which is Docker's default. There is no HEALTHCHECK here, because not every
# container of this image is a server: docker-compose.yml and deploy/kubernetes ask each in its own way.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
# Nobody debugs in an image without a shell: without line tables it builds faster and is smaller.
ENV CARGO_PROFILE_RELEASE_DEBUG=none CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_TERM_COLOR=never

# The dependencies, in a layer of their own: it is built again when the manifest or the lock file
# changes, and not when a source file does. The program itself is a stub meanwhile.
COPY Cargo.toml Cargo.lock ./
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    mkdir src \
    && echo 'fn main() {}' | tee build.rs > src/main.rs \
    && touch src/lib.rs \
    && cargo build --locked --release

# The program. What the stub left goes first, because cargo judges by a file's time and the sources'
# may be older than the stub's.
COPY build.rs ./
COPY proto proto
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo clean --locked --release --package chittychat \
    && cargo build --locked --release

# The list of what the program is made of (CycloneDX), from the same manifest and lock file. A stage of its
# own, which is built beside the program and again when one of the two changes. The tool is built for speed
# of building: it runs once.
FROM rust:1.95-slim-bookworm AS sbom
WORKDIR /build
ENV CARGO_TERM_COLOR=never
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked --debug --version =0.5.9 cargo-cyclonedx
COPY Cargo.toml Cargo.lock ./
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    mkdir src \
    && echo 'fn main() {}' | tee build.rs > src/main.rs \
    && touch src/lib.rs \
    && cargo cyclonedx --format json --spec-version 1.5 --no-build-deps --override-filename chittychat.cdx

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Chitty-Chat" \
      org.opencontainers.image.description="A chat service whose every node is a Lamport process" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# Whoever builds a release knows its version and revision; a build from a working tree does not.
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /build/target/release/chittychat /chittychat
COPY --from=sbom /build/chittychat.cdx.json /chittychat.cdx.json
# gRPC, and metrics with the probes.
EXPOSE 8080 8081
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/chittychat"]
CMD ["serve"]
