# syntax=docker/dockerfile:1
# Triton on processors with the models and the backend of shopfloor's package, x86-64. In a checkout, after scripts/package:
# docker build -f deploy/containers/triton.Dockerfile -t shopfloor-triton .
FROM debian:12-slim
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN --mount=type=bind,source=out,target=/packages \
    apt-get update \
    && apt-get install --yes --no-install-recommends /packages/shopfloor_*.deb ca-certificates python3-venv \
    && /usr/lib/shopfloor/setup-triton \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
EXPOSE 8000 8001 8002
ENTRYPOINT ["/usr/lib/shopfloor/triton/bin/tritonserver"]
CMD ["--model-repository=/usr/share/shopfloor/model_repository", "--backend-directory=/usr/lib/shopfloor/triton/backends", "--model-control-mode=explicit", "--load-model=worker_ensemble"]
