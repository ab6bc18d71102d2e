"""Threads with queues between them; a fixed number of frames circulates, which is what bounds the queues."""

import queue
import threading
import time

PATIENCE = 30.0  # seconds for the frames on their way when it is stopped


class Stalled(Exception):
    """Nothing happens any more."""


class Stages:
    """`read` fills a free frame and returns false at the end; each of `works` takes the frames in their order.

    Each runs on a thread of its own. The last returns a frame to the first.
    """

    def __init__(self, frames, read, works, meter):
        self.read = read
        self.meter = meter
        self.stopping = False
        self.queues = [queue.SimpleQueue() for _ in range(len(works) + 1)]
        self.free = self.queues[-1]
        for frame in frames:
            self.free.put(frame)
        self.threads = [threading.Thread(target=self.run_read, name="read", daemon=True)]
        for work, source, sink in zip(works, self.queues, self.queues[1:]):
            arguments = (work, source, sink)
            self.threads.append(threading.Thread(target=self.run_work, args=arguments, name=work.__name__, daemon=True))

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Lets the frames on their way be finished, and waits for the threads."""
        self.stopping = True
        self.free.put(None)
        join(self.threads)

    def wait(self):
        for thread in self.threads:
            thread.join()

    def run_read(self):
        try:
            while (frame := self.free.get()) is not None and not self.stopping and self.read(frame):
                self.queues[0].put(frame)
        except Exception as error:
            self.meter.fail(error)
        self.queues[0].put(None)

    def run_work(self, work, source, sink):
        try:
            while (frame := source.get()) is not None:
                work(frame)
                sink.put(frame)
        except Exception as error:
            self.meter.fail(error)
            self.free.put(None)  # ends the reader
        sink.put(None)


def join(threads):
    """Waits for threads that are to end; a server that does not respond must not hold this process."""
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            raise Stalled(f"'{thread.name}' has not ended within {PATIENCE:.0f} s; is the server still responding?")
