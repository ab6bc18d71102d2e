"""Model outputs to people."""

import cv2
import numpy as np

from frame import JOINTS, People

SCORE = 0.45  # person_pose's threshold, of its config.pbtxt
IOU = 0.65


def of_poses(rows, letterbox):
    """The people in the output [n,57] of person_pose, in YOLOv7-Pose's layout; their vests are not known yet."""
    scores = rows[:, 4] * rows[:, 5]
    sure = scores >= SCORE
    rows, scores = rows[sure], scores[sure]
    corners = rows[:, :2] - rows[:, 2:4] / 2
    if len(rows) > 1:
        boxes = np.concatenate([corners, rows[:, 2:4]], axis=1)
        kept = np.asarray(cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), SCORE, IOU), np.intp).flatten()
        rows, scores, corners = rows[kept], scores[kept], corners[kept]
    boxes = np.concatenate([corners, corners + rows[:, 2:4]], axis=1)
    keypoints = rows[:, 6:].reshape(-1, JOINTS, 3).copy()
    letterbox.to_frame(boxes, keypoints)
    return People(boxes, scores, keypoints)


def of_ensemble(result, letterbox):
    """The people in a response of worker_ensemble."""
    count = int(result.as_numpy("count")[0])
    # copies: what gRPC received must not be written to
    boxes, keypoints = result.as_numpy("boxes")[:count].copy(), result.as_numpy("keypoints")[:count].copy()
    letterbox.to_frame(boxes, keypoints)
    return People(boxes, result.as_numpy("scores")[:count], keypoints, result.as_numpy("vests")[:count])


def softmax(logits):
    """Probabilities [n,8] from the logits of vest_resnet18."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
