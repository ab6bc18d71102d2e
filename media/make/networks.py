"""The two networks that find people: a detector of boxes, and the pose of the person in a box.

Boxes are float arrays [n,4] of left, top, right, bottom; keypoints are [n,17,3] of x, y, confidence in COCO's order; both in
pixels of the image. Images are BGR, as OpenCV has them.
"""

import cv2
import numpy as np
import onnxruntime

import boxes as geometry

STRIDES = (8, 16, 32)  # of YOLOX's three grids
PERSON = 5  # column of COCO's first class; before it are box and objectness
PADDING = (114, 114, 114)  # the grey that YOLOX was trained with
CROP_MARGIN = 1.25  # side of a pose's square crop, of the box's longer side, as MoveNet was trained


class Detector:
    """YOLOX: the people of an image."""

    def __init__(self, path, threads):
        self.session = _session(path, threads)

    def __call__(self, image, scale, least_score):
        """Boxes and scores of the people in an image that is scaled first; they may overlap."""
        height, width = (round(side * scale) for side in image.shape[:2])
        scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        bottom, right = -height % STRIDES[-1], -width % STRIDES[-1]
        scaled = cv2.copyMakeBorder(scaled, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=PADDING)
        tensor = scaled.astype(np.float32).transpose(2, 0, 1)[None]
        (raw,) = self.session.run(None, {"images": tensor})
        boxes, scores = _decode(raw[0], scaled.shape[:2])
        sure = scores >= least_score
        return boxes[sure] / scale, scores[sure]


def _decode(raw, shape):
    """Boxes and person scores of YOLOX's raw rows, in pixels of its input."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[0 : shape[0] // stride, 0 : shape[1] // stride]
        cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        strides.append(np.full((len(cells[-1]), 1), stride))
    cells, strides = np.concatenate(cells), np.concatenate(strides)
    centers = (raw[:, 0:2] + cells) * strides
    half = np.exp(raw[:, 2:4]) * strides / 2
    return np.hstack([centers - half, centers + half]), raw[:, 4] * raw[:, PERSON]


class SinglePose:
    """MoveNet SinglePose: the keypoints of the person in the middle of a crop."""

    def __init__(self, path, threads):
        self.session = _session(path, threads)
        self.size = self.session.get_inputs()[0].shape[-1]

    def __call__(self, image, boxes):
        """The keypoints of the person in each box."""
        if len(boxes) == 0:
            return np.zeros((0, 17, 3))
        origins, zooms = self._place(boxes)
        crops = np.stack([self._crop(image, origin, zoom) for origin, zoom in zip(origins, zooms)])
        (keypoints,) = self.session.run(None, {"crops": crops})
        keypoints = keypoints.astype(float)
        keypoints[..., :2] = keypoints[..., :2] / zooms[:, None, None] + origins[:, None]
        return keypoints

    def _place(self, boxes):
        """The upper left corner of each box's square crop, and its pixels for each of the image's."""
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) * CROP_MARGIN
        return geometry.center(boxes) - sides[:, None] / 2, self.size / sides

    def _crop(self, image, origin, zoom):
        matrix = np.hstack([np.eye(2) * zoom, -origin[:, None] * zoom])
        crop = cv2.warpAffine(image, matrix, (self.size, self.size), flags=cv2.INTER_LINEAR)
        return np.ascontiguousarray(crop[:, :, ::-1].transpose(2, 0, 1), np.float32) / 255


def _session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
