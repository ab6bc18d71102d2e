"""The Triton server: whether it is there, and the memory through which tensors get to it."""

import mmap
import os
import uuid

import numpy as np
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException

DATATYPES = {np.uint8: "UINT8", np.float32: "FP32"}
DECOUPLED = ("person_pose", "vest_resnet18")
ENSEMBLE = ("worker_ensemble",)


class ServerError(Exception):
    """A server that is not there, or lacks a model."""


def connect(address, models):
    """A client with one call at a time, once `models` are ready at `address`."""
    client = grpcclient.InferenceServerClient(address)
    try:
        missing = [model for model in models if not client.is_model_ready(model)]
    except InferenceServerException as error:
        raise ServerError(
            f"grpc://{address}: {error.message()}; start a server with `shopfloor server` and give its address with --server"
        ) from None
    if missing:
        raise ServerError(
            f"grpc://{address}: no model '{missing[0]}' is ready; serve the repository's model_repository, which has it"
        )
    return client


class Wire:
    """An input that is sent with each request."""

    def __init__(self, name, form):
        shape, kind = form
        self.input = grpcclient.InferInput(name, shape, DATATYPES[kind])
        self.array = np.zeros(shape, kind)

    def filled(self):
        """The input of a request, after `array` was written."""
        self.input.set_data_from_numpy(self.array)
        return self.input

    def close(self):
        pass


class Shared:
    """An input in shared memory, which the server reads where it was written.

    Its file is unlinked once the server has mapped it, so that nothing is left when this process is killed.
    """

    def __init__(self, name, form, client):
        shape, kind = form
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        self.client = client
        self.region = f"article-{os.getpid()}-{uuid.uuid4().hex}"
        path = f"/dev/shm/{self.region}"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            os.ftruncate(file, size)
            memory = mmap.mmap(file, size)
            client.register_system_shared_memory(self.region, f"/{self.region}", size)
        except InferenceServerException as error:
            raise ServerError(
                f"the server refuses shared memory ({error.message()}); it must run on this machine and, from 2.68 on, with "
                "--allow-client-shm=true; or give --transport wire"
            ) from None
        finally:
            os.close(file)
            os.unlink(path)
        self.array = np.frombuffer(memory, kind).reshape(shape)
        self.input = grpcclient.InferInput(name, shape, DATATYPES[kind])
        self.input.set_shared_memory(self.region, size)

    def filled(self):
        return self.input

    def close(self):
        try:
            self.client.unregister_system_shared_memory(self.region)
        except InferenceServerException:
            pass  # the server has ended, or is still reading for a moment


def tensor(name, form, transport, client):
    """A request's input of this name, shape and type."""
    return Shared(name, form, client) if transport == "shared-memory" else Wire(name, form)
