"""Counts what a tenant does in the measured time: frames, their latencies, and CPU time of the process and of its models."""

import os
import resource
import threading
import time


def cpu():
    """CPU seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def threads():
    """The ids of this process's threads."""
    return {int(name) for name in os.listdir("/proc/self/task")}


def cpu_of(thread):
    """CPU seconds of a thread that is running."""
    with open(f"/proc/self/task/{thread}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


class Meter:
    """Frames of one tenant, from any thread. A failure of a stage is kept for the thread that measures."""

    def __init__(self):
        self.times = []  # of each finished frame: when it was finished, and how long after it was decoded
        self.started = threading.Event()  # the first frame is finished
        self.failure = None
        self.wake = threading.Event()  # set by a failure
        self.model_cpu = lambda: None

    def finished(self, began):
        now = time.monotonic()
        self.times.append((now, now - began))
        if not self.started.is_set():
            self.started.set()

    def fail(self, error):
        if self.failure is None:
            self.failure = error
        self.wake.set()
        self.started.set()

    def begin(self):
        self.times.clear()
        self.since, self.used, self.models = time.monotonic(), cpu(), self.model_cpu()

    def end(self):
        """The sums since `begin`."""
        until, used, models = time.monotonic(), cpu(), self.model_cpu()
        latencies = sorted(latency for when, latency in list(self.times) if when <= until)
        seconds, frames = until - self.since, len(latencies)
        return {
            "frames": frames,
            "inferred": frames,  # every frame of this application is
            "seconds": seconds,
            "fps": frames / seconds,
            "latency_ms": {f"p{share}": percentile(latencies, share) for share in (50, 95, 99)},
            "cpu": used - self.used,
            "cpu_model": None if models is None else models - self.models,
        }


def percentile(latencies, share):
    """In milliseconds, by the nearest rank; `None` of nothing."""
    if not latencies:
        return None
    rank = max(0, -(-len(latencies) * share // 100) - 1)
    return latencies[rank] * 1000
