"""Time and memory of ONNX models on one thread."""

import statistics
import subprocess
import sys
import time

MEMORY = """
import pathlib, re, sys
import numpy as np
import onnxruntime
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
before = peak()
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
tensor = np.zeros([int(n) for n in sys.argv[2].split(",")], np.float32)
for _ in range(3):
    session.run(None, {session.get_inputs()[0].name: tensor})
print(peak() - before)
"""


def memory(path, shape):
    """MB by which a process grows that loads the model and runs it."""
    command = [sys.executable, "-c", MEMORY, str(path), ",".join(map(str, shape))]
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
