"""Where a request's input is written: an array of the client's, or a slot of shared memory that the server reads."""

import asyncio
import os

import numpy as np
import tritonclient.grpc.aio as grpcclient
from tritonclient.utils import InferenceServerException, shared_memory


class Slot:
    """One input, written in place for each request."""

    def __init__(self, name, shape, datatype):
        self.input = grpcclient.InferInput(name, shape, datatype)
        self.array = np.zeros(shape, {"UINT8": np.uint8, "FP32": np.float32}[datatype])

    def filled(self):
        """The input of a request, after `array` was written."""
        self.input.set_data_from_numpy(self.array)
        return self.input

    async def close(self, client):
        pass


class SharedSlot(Slot):
    """The same in system shared memory: nothing is copied after `array` was written."""

    @classmethod
    async def make(cls, client, name, shape, datatype, number):
        slot = cls(name, shape, datatype)
        size = slot.array.nbytes
        slot.region = f"bench-{os.getpid()}-{number}"
        slot.handle = shared_memory.create_shared_memory_region(slot.region, f"/{slot.region}", size)
        await client.register_system_shared_memory(slot.region, f"/{slot.region}", size)
        slot.array = shared_memory.get_contents_as_numpy(slot.handle, slot.array.dtype, shape)
        slot.input.set_shared_memory(slot.region, size)
        return slot

    def filled(self):
        return self.input

    async def close(self, client):
        self.array = None
        shared_memory.destroy_shared_memory_region(self.handle)
        for _ in range(50):
            try:
                return await client.unregister_system_shared_memory(self.region)
            except InferenceServerException:  # the server says "in use" for a moment after its response
                await asyncio.sleep(0.02)


async def make(client, transport, name, shape, datatype, number):
    """A slot for `transport`, `wire` or `shared-memory`."""
    if transport == "shared-memory":
        return await SharedSlot.make(client, name, shape, datatype, number)
    return Slot(name, shape, datatype)
