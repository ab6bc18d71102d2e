"""Time and memory of models on one thread."""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

# Runs in a new process, with the package `train` on its path.
MEMORY = """
import json, pathlib, re, sys
import numpy as np
from train.pose import Pose, session
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024
case, tensor = json.loads(sys.argv[1]), np.load(sys.argv[2])
before = peak()
if case["task"] == "pose":
    run = Pose(case["model"], 1, replaced=case["replaced"]).infer
else:
    model = session(case["model"], 1)
    run = lambda x: model.run(None, {"input": x})
for _ in range(3):
    run(tensor)
print(peak() - before)
"""


def memory(task, model, tensor, replaced=()):
    """MB by which a process grows that loads a model and runs it on a tensor. `replaced` is that of `train.pose.Pose`."""
    case = {"task": task, "model": str(model), "replaced": {name: str(path) for name, path in dict(replaced).items()}}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "tensor.npy")
        np.save(file, tensor)
        command = [sys.executable, "-c", MEMORY, json.dumps(case), str(file)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def milliseconds(cases, rounds):
    """CPU-ms of each case's run, median over rounds in turn. Cases are functions without arguments."""
    times = [[] for _ in cases]
    for case in cases:
        case()
    for _ in range(rounds):
        for case, spent in zip(cases, times):
            begin = time.process_time()
            case()
            spent.append((time.process_time() - begin) * 1000)
    return [statistics.median(spent) for spent in times]
