# syntax=docker/dockerfile:1
# NVIDIA's Triton with shopfloor's models. In a checkout: docker build -f deploy/containers/triton-gpu.Dockerfile -t shopfloor-triton-gpu .
# As docs/gpu.md, this has not run on a GPU yet.
FROM nvcr.io/nvidia/tritonserver:24.10-py3
COPY model_repository /models
USER 10001:10001
EXPOSE 8000 8001 8002
CMD ["tritonserver", "--model-repository=/models", "--model-config-name=tensorrt-fp16", "--model-control-mode=explicit", "--load-model=worker_ensemble"]
