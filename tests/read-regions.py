#!/usr/bin/python3
"""Prints the people of each frame of a video and its inference as JSON, read as in examples/host.py."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "examples"))
from host import Gst, GLib, inference, keypoints, people


def as_json(region):
    assert GLib.quark_to_string(region.roi_type) == "person"
    track, vest = region.get_param("object_id"), region.get_param("classification")
    return {
        "rect": [region.x, region.y, region.x + region.w, region.y + region.h],
        "confidence": region.get_param("detection")["confidence"],
        "track": track and track["id"],
        "vest": vest and vest["label"],
        "keypoints": keypoints(region),
    }


def look(sink):
    buffer = sink.emit("pull-sample").get_buffer()
    frame = {"inference": inference(buffer), "people": [as_json(region) for region in people(buffer)]}
    print(json.dumps(frame), flush=True)
    return Gst.FlowReturn.OK


Gst.init(None)
pipeline = Gst.parse_launch(
    f"filesrc location={sys.argv[1]} ! decodebin ! tritoninfer ! vesttrack ! appsink name=out emit-signals=true sync=false"
)
pipeline.get_by_name("out").connect("new-sample", look)
pipeline.set_state(Gst.State.PLAYING)
last = pipeline.get_bus().timed_pop_filtered(120 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
if not last or last.type != Gst.MessageType.EOS:
    sys.exit(last.parse_error().gerror.message if last else "neither EOS nor an error")
