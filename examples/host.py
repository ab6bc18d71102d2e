#!/usr/bin/python3
"""A host application in Python: builds a pipeline, sets stations, reads the people of every frame, and reacts when a
worker starts or stops working at a station.

    . scripts/env; examples/host.py media/vests.mp4 pipelines/stations/demo.json

Requires PyGObject and GStreamer's overrides for it; Debian's python3-gst-1.0 installs both for /usr/bin/python3.
"""

import itertools
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, Gst, GstVideo


def people(buffer):
    """The regions of interest that vesttrack has added to the frame, numbered from 1, or from 0 with GstAnalytics."""
    find = GstVideo.buffer_get_video_region_of_interest_meta_id
    first = find(buffer, 0)
    if first and first.get_param("detection"):
        yield first
    yield from itertools.takewhile(lambda region: region, (find(buffer, number) for number in itertools.count(1)))


def keypoints(region):
    """{name: (x, y, confidence)} in pixels of the frame; empty while the person is hidden."""
    param = region.get_param("keypoints")
    if not param:
        return {}
    # x and y of each, as fractions of the region
    values = struct.unpack(f"{2 * len(param['point_names'])}f", param["data_buffer"].get_data_as_bytes().get_data())
    return {
        name: (region.x + region.w * x, region.y + region.h * y, confidence)
        for name, x, y, confidence in zip(param["point_names"], values[::2], values[1::2], param["confidence"])
    }


def inference(buffer):
    """Which models have seen the frame: "inference" and, with a vest model, "vest-inference" are "done" or why not; the
    "inference-period" is in nanoseconds. Empty without vesttrack."""
    meta = buffer.get_custom_meta("shopfloor-inference")
    fields = meta.get_structure() if meta else None
    names = ("inference", "vest-inference", "inference-period") if fields else ()
    return {name: fields[name] for name in names if fields.has_field(name)}


def print_line(line):
    """Prints a whole line; print() writes a line and its end separately, so threads could interleave."""
    sys.stdout.write(line + "\n")


def look(sink):
    """Handles a frame. This is called on a streaming thread: slow code here slows the pipeline down."""
    buffer = sink.emit("pull-sample").get_buffer()
    shown = []
    for region in people(buffer):
        vest, track = region.get_param("classification"), region.get_param("object_id")
        name = f"{vest['label']} (track {track['id']})" if track else "somebody new"
        x, y, confidence = keypoints(region).get("left_wrist", (0, 0, 0))
        wrist = f", left wrist at {x:.0f},{y:.0f}" if confidence > 0.2 else ""
        shown.append(f"{name} at {region.x},{region.y}{wrist}")
    skipped = "" if inference(buffer).get("inference") == "done" else " (predicted)"
    print_line(f"{buffer.pts / Gst.SECOND:.1f} s{skipped}: {'; '.join(shown)}")
    return Gst.FlowReturn.OK


def react(event):
    """Reacts to a change of a station's state. A real host switches a lamp here, or writes into its database."""
    worker = event["worker"] if event.has_field("worker") else "somebody"
    if event["state"] == "active":
        print_line(f">>> {worker} works at {event['station']}")
    elif event["previous"] == "active":
        print_line(f"<<< {worker} has stopped at {event['station']}: {event['state']}")


def main(video, stations):
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "filesrc name=file ! decodebin ! tritoninfer ! vesttrack ! activityzone name=zone "
        "! appsink name=out emit-signals=true sync=false"
    )
    pipeline.get_by_name("file").set_property("location", video)
    # The JSON itself, for hosts that keep stations in a place of their own; the path of a file works as well.
    with open(stations, encoding="utf-8") as file:
        pipeline.get_by_name("zone").set_property("stations", file.read())
    pipeline.get_by_name("out").connect("new-sample", look)

    loop, failures = GLib.MainLoop(), []

    def handle_message(_bus, message):
        if message.type == Gst.MessageType.EOS:
            loop.quit()
        elif message.type == Gst.MessageType.ERROR:
            failures.append(message.parse_error().gerror.message)
            loop.quit()
        elif message.has_name("shopfloor-activity"):
            react(message.get_structure())

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", handle_message)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    return "\n".join(failures) or None


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: host.py VIDEO STATIONS.json")
    sys.exit(main(*sys.argv[1:]))
