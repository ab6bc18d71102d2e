"""A Triton with the application's steps in its Python backend: its model repository, its process, its end."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request

import engine

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS, PEOPLE, CROP, VESTS = engine.yolov7.COLUMNS, engine.PEOPLE, engine.CROP, engine.VESTS
BATCH = engine.BATCHES[-1]
PATIENCE = 180

def tensors(side):
    """The tensors of an application: their types and their shapes without a batch."""
    return {
        "frame": ("TYPE_UINT8", [side, side, 3]),
        "people": ("TYPE_FP32", [PEOPLE, COLUMNS]),
        "crops": ("TYPE_FP32", [PEOPLE, 3, CROP, CROP]),
        "vests": ("TYPE_FP32", [PEOPLE, VESTS]),
    }


STEPS = {"pose": (["frame"], "people"), "crop": (["frame", "people"], "crops"), "vest": (["crops"], "vests")}


def write_repository(folder, kind, net, side):
    """Models `pose`, `crop`, `vest` and the ensemble `workers`."""
    shapes = tensors(side)
    place = "KIND_GPU" if engine.has_gpu(kind) else "KIND_CPU"

    def listed(field, names):
        entries = (f'{{ name: "{n}" data_type: {shapes[n][0]} dims: {shapes[n][1]} }}' for n in names)
        return f"{field} [ {', '.join(entries)} ]"

    for step, (inputs, output) in STEPS.items():
        parameters = {"step": step, "engine": kind, "net": net, "side": side, "folder": HERE}
        # Tensors of a step on the GPU are not copied to the host for the next one.
        parameters |= {"FORCE_CPU_ONLY_INPUT_TENSORS": "no"}
        lines = [
            f'name: "{step}"',
            'backend: "python"',
            f"max_batch_size: {BATCH}",
            f"dynamic_batching {{ preferred_batch_size: [ {BATCH} ] max_queue_delay_microseconds: 500 }}",
            f"instance_group [ {{ count: 1 kind: {place} }} ]",
            listed("input", inputs),
            listed("output", [output]),
            *(f'parameters {{ key: "{k}" value {{ string_value: "{v}" }} }}' for k, v in parameters.items()),
        ]
        write_model(folder / step, lines)
        shutil.copy(HERE / "model.py", folder / step / "1")
    steps = (
        f'{{ model_name: "{step}" model_version: -1 '
        + " ".join(f'input_map {{ key: "{name}" value: "{name}" }}' for name in inputs)
        + f' output_map {{ key: "{output}" value: "{output}" }} }}'
        for step, (inputs, output) in STEPS.items()
    )
    lines = [
        'name: "workers"',
        'platform: "ensemble"',
        f"max_batch_size: {BATCH}",
        listed("input", ["frame"]),
        listed("output", ["people", "vests"]),
        f"ensemble_scheduling {{ step [ {', '.join(steps)} ] }}",
    ]
    write_model(folder / "workers", lines)


def write_model(folder, lines):
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text("\n".join(lines) + "\n")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A tritonserver of the wheel nvidia-pytriton, unpacked in `packages`; it ends with the `with` statement."""

    def __init__(self, packages, folder, kind, net, side):
        self.folder, self.packages = folder, packages
        write_repository(folder / "models", kind, net, side)
        self.port = free_port()

    def __enter__(self):
        triton = self.packages / "pytriton/tritonserver"
        backend = self.folder / "backends/python"
        backend.mkdir(parents=True)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        for file in (
            triton / "backends/python/libtriton_python.so",
            triton / "backends/python/triton_python_backend_utils.py",
            triton / f"python_backend_stubs/{python}/triton_python_backend_stub",
        ):
            shutil.copy(file, backend)
        # The stub takes the first python3 of the PATH, and needs its shared library.
        libraries = [str(self.packages / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR")]
        environment = os.environ | {
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": ":".join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")]),
        }
        command = [triton / "bin/tritonserver", f"--model-repository={self.folder / 'models'}"]
        command += [f"--backend-directory={self.folder / 'backends'}", "--disable-auto-complete-config"]
        command += ["--http-address=127.0.0.1", f"--http-port={self.port}", "--allow-grpc=false"]
        command += ["--allow-metrics=false", "--exit-timeout-secs=5"]
        self.log = self.folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        if not self.becomes_ready():
            self.__exit__()
            sys.exit(f"tritonserver is not ready:\n{self.log.read_text()[-4000:]}")
        return self

    def becomes_ready(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/health/ready", timeout=5):
                    return True
            except OSError:
                time.sleep(0.1)
        return False

    def __exit__(self, *_):
        self.process.terminate()  # it removes its shared memory
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            pass
        # Its group: the stubs of the Python backend are its children.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
