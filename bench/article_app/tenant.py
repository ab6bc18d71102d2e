"""One tenant: the whole application for one video, warmed up and measured at the same time as the others."""

import ctypes
import os
import signal
import sys
import threading
import time

import cv2

from decode_only import DecodeOnly
from floor import Floor
from meter import Meter
from runner import ModelError, Runner
from screen import Screen, ScreenError
from server import ServerError
from stages import Stalled
from stations import StationError
from triton_async import Async
from triton_threads import Threads
from video import Video, VideoError

# Errors whose message says all.
EXPECTED = (ModelError, ScreenError, ServerError, Stalled, StationError, VideoError)
PR_SET_PDEATHSIG = 1
STALL = 120.0  # seconds without a first frame, or without another tenant, that are an error


def pipeline(options, video, floor, meter):
    """What `--mode` and `--requests` name."""
    if options.mode == "decode":
        kind = DecodeOnly
    elif options.mode == "runner":
        kind = Runner
    else:
        kind = Threads if options.requests == "threads" else Async
    return kind(options, video, floor, meter)


def process(options, number, barrier, result, parent):
    """The main function of a tenant's process, which ends with its parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its tenants
    try:
        run(options, number, barrier, result)
    except Stalled as error:
        sys.exit(f"article_app: tenant {number + 1}: {error}")


def run(options, number, barrier, result):
    """Sends what was measured, or why it was not, at once: the caller has its server's CPU time of that moment. Then stops."""
    cv2.setNumThreads(1)
    try:
        sums, stop = measure(options, number, barrier)
        result.send(("measured", sums))
    except EXPECTED as error:
        result.send(("failed", str(error)))
    except threading.BrokenBarrierError:
        result.send(("failed", "another tenant ended"))
    except Exception as error:
        result.send(("failed", f"{type(error).__name__}: {error}"))
    else:
        stop()


def measure(options, number, barrier):
    meter = Meter()
    video = Video(options.input)
    screen = Screen(f"tenant {number + 1}", number) if options.window else None
    floor = None if options.mode == "decode" else Floor(video, options.stations, meter, screen)
    line = pipeline(options, video, floor, meter)
    line.start()
    pause(STALL, meter, screen, meter.started)
    barrier.wait(STALL)
    pause(options.warm_up, meter, screen)
    barrier.wait(STALL)
    meter.begin()
    pause(options.seconds, meter, screen)
    sums = meter.end()
    barrier.wait(STALL)  # nobody stops while another is measured

    def stop():
        if screen:
            screen.close()
        line.stop()
        video.close()

    return {**sums, "process": os.getpid()}, stop


def pause(seconds, meter, screen, event=None):
    """Waits so long, or until `event`, while frames are shown; fails with the application's failure."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not (event and event.is_set()) and not meter.failure:
        if screen:
            screen.serve()
        else:
            (event or meter.wake).wait(left)
    if meter.failure:
        raise meter.failure
    if event and not event.is_set():
        raise Stalled(f"no frame within {seconds:.0f} s; is the server still responding?")
