# The image of forgewire: the program, the libraries that it links, CA roots, and nothing else.
#
#   docker build --tag forgewire .                          (podman and buildah: with --format docker, for HEALTHCHECK)
#   docker build --tag forgewire --platform linux/arm64 .   (compiled across; or --build-arg TARGETARCH=arm64)
#
# Who must have the same base every time names it by digest: --build-arg RUST_IMAGE=docker.io/library/rust@sha256:…,
# as `docker buildx imagetools inspect` prints it. Dependencies are those of Cargo.lock in any case.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm

FROM --platform=${BUILDPLATFORM} ${RUST_IMAGE} AS build
# amd64 or arm64; the builder sets it by --platform. Without it: what the builder itself runs on.
ARG TARGETARCH
# For who wants it quickly rather than small and fast: PROFILE=dev. The others are the profile of Cargo.toml.
ARG PROFILE=release
ARG CARGO_PROFILE_DEV_DEBUG=0
ARG CARGO_PROFILE_RELEASE_LTO=fat
ARG CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
ARG CARGO_PROFILE_RELEASE_OPT_LEVEL=3
WORKDIR /src
COPY . .
# What was downloaded and compiled stays in the builder's cache, so that only what changed is compiled again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    deploy/container/rootfs /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="forgewire" \
      org.opencontainers.image.description="Turns the webhooks of git forges into typed events on NATS JetStream" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /image/root/ /
# A volume takes the owner of what it covers.
COPY --from=build --chown=65532:65532 /image/state/ /var/lib/
# It says nothing, so the environment alone can configure; a file is mounted over it.
ENV FORGEWIRE_CONFIG=/etc/forgewire/forgewire.toml
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
VOLUME /var/lib/forgewire
# Webhooks, and probes; the latter are only on the loopback unless admin.listen says otherwise.
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/forgewire", "health"]
ENTRYPOINT ["/usr/local/bin/forgewire"]
CMD ["serve"]
