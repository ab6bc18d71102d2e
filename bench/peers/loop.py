"""An asyncio loop of tritonclient on a model that does nothing, with frames in the size of the tensor.

Prints {"rate": inferences a second, "cpu": CPU seconds a frame} as JSON.
"""

import argparse
import asyncio
import json
import resource
import time

import numpy as np
import tritonclient.grpc.aio as grpcclient

import slots

SHAPE = [1, 480, 640, 3]
WARM_UP = 1.0


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def main(options):
    client = grpcclient.InferenceServerClient(options.server)
    frame = np.zeros(SHAPE, np.uint8)
    done = 0

    async def worker(number, end):
        nonlocal done
        slot = await slots.make(client, options.transport, "frame", SHAPE, "UINT8", number)
        try:
            while time.monotonic() < end:
                slot.array[...] = frame
                result = await client.infer(options.model, [slot.filled()])
                int(result.as_numpy("count")[0])
                done += 1
        finally:
            await slot.close(client)

    async def measure(seconds):
        nonlocal done
        done, began, used = 0, time.monotonic(), cpu()
        await asyncio.gather(*(worker(n, began + seconds) for n in range(options.in_flight)))
        return done / (time.monotonic() - began), (cpu() - used) / done

    await measure(WARM_UP)
    rate, used = await measure(options.seconds)
    await client.close()
    print(json.dumps({"rate": rate, "cpu": used}))


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--server", required=True, help="HOST:PORT")
parser.add_argument("--model", required=True)
parser.add_argument("--transport", choices=["wire", "shared-memory"], required=True)
parser.add_argument("--in-flight", type=int, required=True)
parser.add_argument("--seconds", type=float, required=True)
asyncio.run(main(parser.parse_args()))
