"""Measures what keypoints cost if only people who may have a hand at a station get them.

    PYTHONPATH=.triton/venv/lib/python3.11/site-packages .tools/onnx/bin/python bench/pose/at_stations.py

Processor time of the networks alone, one thread, on frames of the demo video with the first stations of pipelines/stations/demo.json. A
person counts as near if the box with the margin of movenet_lightning meets the station's bounds, as with
inference-region=people-at-stations. Writes bench/results/pose-at-stations.md.
"""

import argparse
import json
import time

import numpy as np

import compare
import topdown

SCORE = 0.56  # of person_detector's config.pbtxt


def bounds(station):
    corners = np.array(station["polygon"])
    return *corners.min(axis=0), *corners.max(axis=0)


def is_near(row, areas):
    margin = topdown.MARGIN * max(row[2] - row[0], row[3] - row[1])
    left, top, right, bottom = (row[:4] + [-margin, -margin, margin, margin]) / (compare.SIZE * 2)
    return any(left <= area[2] and right >= area[0] and top <= area[3] and bottom >= area[1] for area in areas)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=400, help="the video's first frames, of which each eighth is used (%(default)s)")
    parser.add_argument("--stations", type=int, default=3)
    options = parser.parse_args()
    stations = json.loads((compare.ROOT / "pipelines/stations/demo.json").read_text())["stations"][: options.stations]
    areas = [bounds(station) for station in stations]
    names = ["person_detector", "person_crop", "movenet_lightning", "movenet_multipose", "vest_resnet18"]
    detector, crop, lightning, multipose, vest = map(compare.session, names)
    spent = {}

    def timed(what, session, **inputs):
        start = time.process_time()
        output = compare.run(session, **inputs)
        spent[what] = spent.get(what, 0.0) + time.process_time() - start
        return output

    frames = people = near = 0
    for image in list(compare.frames(options.frames))[::8]:
        rows = timed("detector", detector, images=image)[0]
        rows = rows[rows[:, 4] >= SCORE]
        some = rows[[is_near(row, areas) for row in rows]] if len(rows) else rows
        frames, people, near = frames + 1, people + len(rows), near + len(some)
        for what, chosen in (("everybody's keypoints", rows), ("keypoints at stations", some)):
            if len(chosen):
                crops = timed(what, crop, image=image, detections=chosen[None])
                timed(what, lightning, crops=crops)
        timed("movenet_multipose", multipose, images=image)
        timed("vests", vest, input=np.zeros((max(len(rows), 1), 3, 64, 64), np.float32))
    ms = {what: 1000 * time / frames for what, time in spent.items()}
    lines = {
        "`movenet_multipose`, vests": ms["movenet_multipose"] + ms["vests"],
        "detector, everybody's keypoints, vests": ms["detector"] + ms["everybody's keypoints"] + ms["vests"],
        "detector, keypoints at stations, vests": ms["detector"] + ms["keypoints at stations"] + ms["vests"],
    }
    before = lines["`movenet_multipose`, vests"]
    rows = "\n".join(f"| {line} | {time:.0f} | {time / before:.2f} |" for line, time in lines.items())
    parts = ", ".join(f"{what} {time:.1f}" for what, time in ms.items())
    page = PAGE.format(
        frames=frames, people=people / frames, near=near / frames, stations=len(stations), rows=rows, parts=parts
    )
    (compare.ROOT / "bench/results/pose-at-stations.md").write_text(page)
    print(page)


PAGE = """\
# Keypoints only where a station needs them

Processor time of the networks alone, milliseconds a frame on one thread, by [bench/pose/at_stations.py](../pose/at_stations.py), on
{frames} frames of the demo video: {people:.1f} people a frame, of whom {near:.1f} may have a hand at one of {stations} stations. Other programs kept
the machine busy, so compare the rows only.

| line | CPU | of the first |
|---|---|---|
{rows}

{parts}
"""

if __name__ == "__main__":
    main()
