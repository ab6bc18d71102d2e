#!/usr/bin/python3
"""A host application in Python: builds a pipeline, hands over stations, sees the people of every frame, and reacts when
somebody begins or ends to work.

    . scripts/env; examples/host.py media/vests.mp4 pipelines/stations/demo.json

Needs PyGObject and GStreamer's overrides for it, as Debian's python3-gst-1.0 brings both to /usr/bin/python3.
"""

import itertools
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, Gst, GstVideo


def people(buffer):
    """The regions of interest that vesttrack has put on the frame; it numbers them from 1, with GstAnalytics from 0."""
    find = GstVideo.buffer_get_video_region_of_interest_meta_id
    first = find(buffer, 0)
    if first and first.get_param("detection"):
        yield first
    yield from itertools.takewhile(lambda region: region, (find(buffer, number) for number in itertools.count(1)))


def keypoints(region):
    """{name: (x, y, confidence)} in the frame's pixels; empty while somebody is hidden."""
    param = region.get_param("keypoints")
    if not param:
        return {}
    # x and y of each, as fractions of the region
    values = struct.unpack(f"{2 * len(param['point_names'])}f", param["data_buffer"].get_data_as_bytes().get_data())
    return {
        name: (region.x + region.w * x, region.y + region.h * y, confidence)
        for name, x, y, confidence in zip(param["point_names"], values[::2], values[1::2], param["confidence"])
    }


def say(line):
    """Whole lines, from whichever thread: print() writes a line and its end one after the other."""
    sys.stdout.write(line + "\n")


def look(sink):
    """A frame, on a streaming thread: whoever takes long here slows the pipeline down."""
    buffer = sink.emit("pull-sample").get_buffer()
    who = []
    for region in people(buffer):
        vest, track = region.get_param("classification"), region.get_param("object_id")
        name = f"{vest['label']} (track {track['id']})" if track else "somebody new"
        x, y, confidence = keypoints(region).get("left_wrist", (0, 0, 0))
        wrist = f", left wrist at {x:.0f},{y:.0f}" if confidence > 0.2 else ""
        who.append(f"{name} at {region.x},{region.y}{wrist}")
    say(f"{buffer.pts / Gst.SECOND:.1f} s: {'; '.join(who)}")
    return Gst.FlowReturn.OK


def react(facts):
    """A station's state changed: here a real host switches a lamp, or writes into its database."""
    worker = facts["worker"] if facts.has_field("worker") else "somebody"
    if facts["state"] == "active":
        say(f">>> {worker} works at {facts['station']}")
    elif facts["previous"] == "active":
        say(f"<<< {worker} has stopped at {facts['station']}: {facts['state']}")


def main(video, stations):
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "filesrc name=file ! decodebin ! tritoninfer ! vesttrack ! activityzone name=zone "
        "! appsink name=out emit-signals=true sync=false"
    )
    pipeline.get_by_name("file").set_property("location", video)
    # The JSON itself, as a host has it that keeps its stations elsewhere; a path would do as well.
    with open(stations, encoding="utf-8") as file:
        pipeline.get_by_name("zone").set_property("stations", file.read())
    pipeline.get_by_name("out").connect("new-sample", look)

    loop, failures = GLib.MainLoop(), []

    def hear(_bus, message):
        if message.type == Gst.MessageType.EOS:
            loop.quit()
        elif message.type == Gst.MessageType.ERROR:
            failures.append(message.parse_error().gerror.message)
            loop.quit()
        elif message.has_name("shopfloor-activity"):
            react(message.get_structure())

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", hear)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    return "\n".join(failures) or None


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: host.py VIDEO STATIONS.json")
    sys.exit(main(*sys.argv[1:]))
