"""What is to be subtracted from the other modes: frames are decoded, and not even converted to BGR."""

import threading
import time


class DecodeOnly:
    def __init__(self, _, video, __, meter):
        self.video, self.meter = video, meter
        self.stopping = False
        self.thread = threading.Thread(target=self.run, name="decode", daemon=True)
        self.start, self.wait = self.thread.start, self.thread.join

    def run(self):
        try:
            while not self.stopping:
                began = time.monotonic()
                if not self.video.grab():
                    break
                self.meter.finished(began)
        except Exception as error:
            self.meter.fail(error)

    def stop(self):
        self.stopping = True
        self.wait()
