# syntax=docker/dockerfile:1
# The command and the elements. In a checkout, after scripts/package: docker build -f deploy/containers/shopfloor.Dockerfile -t shopfloor .
FROM debian:12-slim
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN --mount=type=bind,source=out,target=/packages \
    apt-get update \
    && apt-get install --yes --no-install-recommends \
        /packages/shopfloor_*.deb \
        ca-certificates gstreamer1.0-libav gstreamer1.0-plugins-bad gstreamer1.0-plugins-good \
    && rm -rf /var/lib/apt/lists/*
# no name: the file system is read-only, and nothing in it belongs to this user
USER 10001:10001
ENTRYPOINT ["shopfloor"]
CMD ["play", "/etc/shopfloor/tenants"]
