"""Makes the configurations of model_repository for GPUs: configs/NAME.pbtxt of each model, from its config.pbtxt.

Triton takes them with --model-config-name=NAME, and config.pbtxt where a model has no such file, as ensembles. All steps of an
ensemble are on the GPU, so that what one returns is what the next one reads, without a copy to the host. docs/gpu.md says
what each name means.
"""

import argparse
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).parent.parent / "model_repository"

PRECISIONS = {"cuda": None, "tensorrt-fp16": "FP16", "tensorrt-int8": "INT8"}
# In NVIDIA's container, a volume: engines are built once for a GPU, which takes minutes.
CACHE = "/cache"
BATCH = 8


class Config:
    """A config.pbtxt: its fields, as they are written, without comments.

    A model with a `shopfloor.task` is a network: TensorRT runs it where the name says so, and it is warmed up. The others, the
    steps between networks, are the same for all names.
    """

    def __init__(self, model):
        self.model = model
        self.fields = []
        for line in (REPOSITORY / model / "config.pbtxt").read_text().splitlines():
            if re.match(r"\w", line):
                self.fields.append(line)
            elif line and not line.startswith("#"):
                self.fields[-1] += "\n" + line

    def all(self, name):
        return [field for field in self.fields if re.match(rf"{name}\b", field)]

    def number(self, name):
        return int(re.search(r"\d+", self.all(name)[0])[0])

    def task(self):
        found = re.search(r'"shopfloor.task" value { string_value: "(\w+)"', "\n".join(self.fields))
        return found and found[1]

    def image(self):
        """The first input: its name, its type and its shape for one image, without a batch dimension."""
        (found,) = re.findall(r'name: "(\w+)" data_type: (\w+) dims: \[ ([-\d, ]+) \]', self.all("input")[0])
        name, element, dims = found
        dims = [int(side) for side in dims.split(",")]
        size = re.search(r'"shopfloor.input.size" value { string_value: "(\d+)x(\d+)"', "\n".join(self.fields))
        if size:
            dims[-2:] = int(size[2]), int(size[1])
        return name, element, dims

    def made(self, precision):
        """The configuration for a GPU; `precision`: of TensorRT, None for CUDA."""
        batching = self.number("max_batch_size") > 0
        is_network = self.task() is not None
        parts = [
            ["# Made by scripts/gpu-configs from ../config.pbtxt; not run on a GPU yet (docs/gpu.md)."],
            *map(self.all, ("name", "backend", "default_model_filename", "max_batch_size")),
            self.batcher(batching) if self.all("dynamic_batching") else [],
            ["instance_group [ { count: 1 kind: KIND_GPU } ]", ""],
            *map(self.all, ("input", "output")),
            self.optimization(precision if is_network else None, batching),
            self.warm_up(batching) if is_network else [],
            ["", *(field for field in self.all("parameters") if "intra_op_thread_count" not in field)],
        ]
        return "\n".join(line for part in parts for line in part).rstrip() + "\n"

    def batcher(self, batching):
        """Requests of priority 1 overtake the others. They wait for one another only where several make a batch."""
        lines = ["dynamic_batching {"]
        if batching:
            lines += [f"  preferred_batch_size: [ {BATCH // 2}, {BATCH} ]", "  max_queue_delay_microseconds: 1000"]
        return [*lines, "  priority_levels: 2", "  default_priority_level: 2", "}"]

    def optimization(self, precision, batching):
        lines = []
        # A frame waits for these. ONNX Runtime ignores it; a TensorRT plan has a stream of this priority.
        if self.task() not in (None, "vest"):
            lines.append("  priority: PRIORITY_MAX")
        if precision:
            lines.append("  execution_accelerators { gpu_execution_accelerator [ {")
            lines += [f"    {line}" for line in self.tensorrt(precision, batching)]
            lines.append("  } ] }")
        return ["", "optimization {", *lines, "}"] if lines else []

    def tensorrt(self, precision, batching):
        name, _, dims = self.image()
        parameters = {"precision_mode": precision}
        if precision == "INT8":
            parameters |= {"int8_calibration_table_name": "calibration.flatbuffers"}
        parameters |= {"trt_engine_cache_enable": "true", "trt_engine_cache_path": f"{CACHE}/{self.model}"}
        if batching:
            # One engine for all batches, rather than one for each.
            largest = self.number("max_batch_size")
            for which, batch in (("min", 1), ("opt", min(BATCH, largest)), ("max", largest)):
                parameters[f"trt_profile_{which}_shapes"] = f"{name}:{'x'.join(map(str, [batch, *dims]))}"
        return ['name: "tensorrt"'] + [
            f'parameters {{ key: "{key}" value: "{value}" }}' for key, value in parameters.items()
        ]

    def warm_up(self, batching):
        """Engines are built, and algorithms chosen, before the model is ready: for one image and for the largest batch."""
        name, element, dims = self.image()
        batches = [1, self.number("max_batch_size")] if batching else [1]
        requests = [
            [
                "  {",
                f'    name: "{batch}"',
                f"    batch_size: {batch}",
                f'    inputs {{ key: "{name}" value {{ data_type: {element} dims: {dims} zero_data: true }} }}',
                "  }",
            ]
            for batch in batches
        ]
        return ["", "model_warmup [", *",\n".join("\n".join(request) for request in requests).splitlines(), "]"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a file is not current")
    check = parser.parse_args().check
    stale = []
    for path in sorted(REPOSITORY.glob("*/config.pbtxt")):
        config = Config(path.parent.name)
        if config.all("backend") != ['backend: "onnxruntime"']:
            continue
        for name, precision in PRECISIONS.items():
            file, made = path.parent / "configs" / f"{name}.pbtxt", config.made(precision)
            if file.exists() and file.read_text() == made:
                continue
            stale.append(f"{config.model}/configs/{file.name}")
            if not check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(made)
    if stale:
        print(f"{'not current' if check else 'written'}: {', '.join(stale)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
