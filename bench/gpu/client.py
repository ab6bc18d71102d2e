"""A tenant: so many frames in flight at a Triton, by HTTP with the frame in shared memory.

Prints `ready`, starts at the next line of its input, and prints {"frames": …, "latencies": [seconds, …]} as JSON.
"""

import argparse
import http.client
import json
import sys
import threading
import time
from multiprocessing import shared_memory

import numpy as np

import engine
import server



class Connection:
    """One frame in flight."""

    def __init__(self, options, number):
        self.http = http.client.HTTPConnection("127.0.0.1", options.port, timeout=120)
        self.side = options.side
        self.name = f"{options.tenant}_{number}"
        self.size = self.side * self.side * 3
        self.memory = shared_memory.SharedMemory(create=True, size=self.size)
        self.frame = np.ndarray((self.side, self.side, 3), np.uint8, self.memory.buf)
        self.source = np.random.default_rng(number).integers(0, 256, self.frame.shape, np.uint8)
        region = {"key": "/" + self.memory.name.lstrip("/"), "offset": 0, "byte_size": self.size}
        self.post(f"systemsharedmemory/region/{self.name}/register", json.dumps(region).encode())

    def close(self):
        self.post(f"systemsharedmemory/region/{self.name}/unregister", b"{}")
        del self.frame
        self.memory.close()
        self.memory.unlink()

    def post(self, path, body, headers={}):
        self.http.request("POST", f"/v2/{path}", body, headers)
        response = self.http.getresponse()
        content = response.read()
        if response.status != 200:
            sys.exit(f"{path}: {response.status} {content.decode(errors='replace')}")
        return response, content

    def infer(self, model, inputs, body=b""):
        """The outputs of a model, by their names."""
        head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
        response, content = self.post(f"models/{model}/infer", head + body, headers)
        first = int(response.headers["Inference-Header-Content-Length"])
        outputs = {}
        for output in json.loads(content[:first])["outputs"]:
            last = first + output["parameters"]["binary_data_size"]
            outputs[output["name"]] = np.frombuffer(content[first:last], np.float32).reshape(output["shape"])
            first = last
        return outputs

    def frame_input(self):
        self.frame[...] = self.source  # as a client writes each frame
        shared = {"shared_memory_region": self.name, "shared_memory_byte_size": self.size}
        return {"name": "frame", "datatype": "UINT8", "shape": [1, self.side, self.side, 3], "parameters": shared}

    def ensemble(self):
        outputs = self.infer("workers", [self.frame_input()])
        return outputs["people"], outputs["vests"]

    def decoupled(self):
        """Two requests: the crops of the second are made here, from the people that the first returns."""
        people = self.infer("pose", [self.frame_input()])["people"]
        crops = engine.crop(self.frame, people[0])[None]
        entry = {"name": "crops", "datatype": "FP32", "shape": list(crops.shape)}
        entry["parameters"] = {"binary_data_size": crops.nbytes}
        return people, self.infer("vest", [entry], crops.tobytes())["vests"]


def check(people, vests):
    """A response of the right shape that is not empty."""
    expected = [(1, *shape) for _, shape in (server.tensors(64)[name] for name in ("people", "vests"))]
    found = [people.shape, vests.shape]
    if found != expected or not np.allclose(vests.sum(2), 1, atol=0.01):
        sys.exit(f"expected people and vests {expected} with probabilities, got {found}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--way", choices=("decoupled", "ensemble"), required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    connections = [Connection(options, number) for number in range(options.in_flight)]
    for connection in connections:
        check(*getattr(connection, options.way)())
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic() + min(1, options.seconds)  # to warm up
    latencies = [[] for _ in connections]

    def work(connection, latencies):
        infer = getattr(connection, options.way)
        while (start := time.monotonic()) < begin + options.seconds:
            infer()
            end = time.monotonic()
            if begin <= end < begin + options.seconds:
                latencies.append(end - start)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(connections, latencies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"frames": sum(map(len, latencies)), "latencies": sum(latencies, [])}))
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    main()
