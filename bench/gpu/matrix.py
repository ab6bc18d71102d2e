"""The article's experiment on a GPU: one to four applications on one GPU, decoupled models against an ensemble, one frame in flight
against several, Triton against a model runner without it, with the engine alone beside them.

    matrix.py pack FOLDER                   parts of Triton's files, for a machine without network
    matrix.py run --out FILE [--done FILE]  the cells that FILE does not have yet, as many as fit into --limit
    matrix.py report FILE                   a table with the ratios to the engine alone

A cell is one measurement of some seconds; `run` appends a line of JSON for each, so that it can be stopped and called again.
"""

import argparse
import itertools
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from contextlib import nullcontext
from typing import NamedTuple

import engine
import server

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ".triton/venv/lib/python3*/site-packages"
TRITON = ("decoupled", "ensemble")
WAYS = ("engine", "runner", *TRITON)
TENANTS = (1, 2, 4)
IN_FLIGHT = (1, 4)
# Aims: the best of an ensemble's cells to the engine alone.
AIMS = {"w6": 0.97, "nano": 0.70}
# Seconds of a cell beside its measurement: processes, CUDA, the server's start.
OVERHEAD = 15
START = 60


class Cell(NamedTuple):
    """`way`: engine (alone, a loop of batches), runner (threads without Triton), decoupled or ensemble (Triton)."""

    net: str
    way: str
    tenants: int = 1
    in_flight: int = 1
    batch: int = 1


def cells(options):
    """Those of the whole matrix that are asked for."""
    for net in options.nets:
        alone = [Cell(net, "engine", batch=batch) for batch in engine.BATCHES]
        alone += [Cell(net, "runner", tenants) for tenants in options.tenants]
        served = itertools.product(TRITON, options.tenants, IN_FLIGHT)
        served = [Cell(net, way, tenants, in_flight) for way, tenants, in_flight in served]
        yield from (cell for cell in alone + served if cell.way in options.ways)


def uses_triton(cell):
    return cell.way in TRITON


def read(path):
    """The lines of a results file, none if it is not there."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def cell_of(line):
    return Cell(**{name: line[name] for name in Cell._fields})


def run(options):
    lines = read(options.done) or read(options.out)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    left = [cell for cell in cells(options) if cell not in map(cell_of, lines)]
    end = time.monotonic() + options.limit
    for (net, triton), group in itertools.groupby(left, lambda cell: (cell.net, uses_triton(cell))):
        if time.monotonic() + START * triton + OVERHEAD + options.seconds > end:
            break
        with open_server(options, net) if triton else nullcontext() as running:
            for cell in group:
                if time.monotonic() + OVERHEAD + options.seconds > end:
                    break
                result = measure(options, cell, running)
                with options.out.open("a") as file:
                    file.write(json.dumps(cell._asdict() | machine(options) | result) + "\n")
                print(f"{cell}: {result['rate']:.1f} frames/s", flush=True)
    missing = sum(cell not in map(cell_of, read(options.out)) for cell in cells(options))
    print(f"{missing} cells are left" if missing else "all cells are measured")


class open_server:
    """A server in a temporary folder."""

    def __init__(self, options, net):
        self.options, self.net = options, net

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        packages = unpacked(self.options.parts, folder) if self.options.parts else installed()
        self.server = server.Server(packages, folder, self.options.engine, self.net, self.options.side)
        return self.server.__enter__()

    def __exit__(self, *error):
        self.server.__exit__(*error)
        self.folder.cleanup()


def installed():
    """The packages that scripts/setup has installed."""
    found = sorted(ROOT.glob(PACKAGES))
    if not found:
        sys.exit(f"no {PACKAGES} in {ROOT}: run scripts/setup, or give --parts")
    return found[0]


def machine(options):
    """What the figures belong to."""
    if options.engine != "torch":
        return {"engine": options.engine, "device": "CPU", "side": options.side}
    import torch

    device = torch.cuda.get_device_name() if engine.has_gpu(options.engine) else "CPU"
    return {"engine": f"PyTorch {torch.__version__}", "device": device, "side": options.side}


def measure(options, cell, running):
    if uses_triton(cell):
        return by_tenants(options, cell, running.port)
    # In a process of its own, so that the device's memory and CUDA's threads end with the cell.
    names = ["net", "way", "tenants", "batch"]
    arguments = itertools.chain.from_iterable((f"--{name}", str(getattr(cell, name))) for name in names)
    command = [sys.executable, __file__, "alone", *arguments, *common(options)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return json.loads(output.splitlines()[-1])


def common(options):
    return ["--engine", options.engine, "--side", str(options.side), "--seconds", str(options.seconds)]


def by_tenants(options, cell, port):
    """A process for each tenant."""

    def tenant(number):
        arguments = {"port": port, "tenant": f"t{number}", "way": cell.way, "in-flight": cell.in_flight}
        arguments |= {"side": options.side, "seconds": options.seconds}
        command = [sys.executable, str(HERE / "client.py")]
        command += itertools.chain.from_iterable((f"--{name}", str(value)) for name, value in arguments.items())
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    tenants = [tenant(number) for number in range(cell.tenants)]
    try:
        for process in tenants:
            if process.stdout.readline() != "ready\n":
                sys.exit(f"{cell}: a tenant ended, see above")
        for process in tenants:
            process.stdin.write("go\n")
            process.stdin.flush()
        reports = [json.loads(process.stdout.readline()) for process in tenants]
    finally:
        for process in tenants:
            process.stdin.close()
            process.wait()
    return result(options.seconds, [report["frames"] for report in reports], [report["latencies"] for report in reports])


def result(seconds, frames, latencies):
    """Rate of all tenants and of the one with the fewest frames; quantiles of the latency in ms."""
    latencies = sorted(itertools.chain.from_iterable(latencies))
    quantile = lambda share: 1000 * latencies[int(share * (len(latencies) - 1))] if latencies else None
    return {
        "rate": sum(frames) / seconds,
        "least": min(frames) / seconds,
        "p50": quantile(0.5),
        "p95": quantile(0.95),
    }


def alone(options):
    """Without Triton: `engine` infers poses and vests of one batch after the other, whose frames are on the device already; in
    `runner` each tenant is a thread that uploads a frame and waits for its people and vests."""
    made = engine.open_engine(options.engine, options.net, options.side)
    made.warm_up()
    frames = made.frames(options.batch)

    def one_batch():
        people = made.pose(frames)
        crops = made.crops(frames, people)
        made.vests(crops.reshape(-1, *crops.shape[2:]))
        made.wait()

    begin = time.monotonic() + min(1, options.seconds)  # to warm up
    latencies = [[] for _ in range(options.tenants)]

    def work(latencies):
        while (start := time.monotonic()) < begin + options.seconds:
            one_batch()
            end = time.monotonic()
            if begin <= end < begin + options.seconds:
                latencies.append(end - start)

    threads = [threading.Thread(target=work, args=(each,)) for each in latencies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(result(options.seconds, [options.batch * len(each) for each in latencies], latencies)))


def pack(options):
    """The files that a tritonserver with the Python backend needs, compressed, in parts."""
    options.folder.mkdir(parents=True, exist_ok=True)
    packages = installed()
    whole = options.folder / "triton.tar.xz"
    with tarfile.open(whole, "w:xz", preset=1) as archive:
        for pattern in (
            "nvidia_pytriton.libs/lib[!p]*",
            "nvidia_pytriton.libs/libp[!y]*",
            "pytriton/tritonserver/bin/*",
            "pytriton/tritonserver/backends/python/*.*",
            f"pytriton/tritonserver/python_backend_stubs/{options.python}/*",
        ):
            for file in sorted(packages.glob(pattern)):
                archive.add(file, file.relative_to(packages), recursive=False)
    content = whole.read_bytes()
    whole.unlink()
    size = options.part_size << 20
    parts = [content[first : first + size] for first in range(0, len(content), size)]
    for number, part in enumerate(parts):
        (options.folder / f"triton.{number:02}.part").write_bytes(part)
    print(f"{len(parts)} parts, {len(content) / 2**20:.1f} MiB")


def unpacked(parts, folder):
    """The packages in the parts of `pack`."""
    found = sorted(parts.glob("triton.*.part"))
    if not found:
        sys.exit(f"no parts in {parts}: make them with `matrix.py pack`")
    whole = folder / "triton.tar.xz"
    whole.write_bytes(b"".join(part.read_bytes() for part in found))
    with tarfile.open(whole) as archive:
        archive.extractall(folder / "packages", filter="tar")
    whole.unlink()
    return folder / "packages"


def report(options):
    lines = read(options.file)
    print("\n".join(table(lines)))


def table(lines):
    """Markdown: one table for each network, and a verdict for its aim."""
    for net in dict.fromkeys(line["net"] for line in lines):
        of_net = [line for line in lines if line["net"] == net]
        alone = max((line["rate"] for line in of_net if line["way"] == "engine"), default=None)
        devices = ", ".join(dict.fromkeys(f"{line['device']}, {line['engine']}" for line in of_net))
        yield f"## {net} on {devices}\n"
        yield "| way | tenants | in flight | batch | frames/s | of the engine alone | least tenant | p50 ms | p95 ms |"
        yield "|---|---|---|---|---|---|---|---|---|"
        number = lambda value, digits: "–" if value is None else f"{value:.{digits}f}"
        for line in of_net:
            share = line["rate"] / alone if alone else None
            values = [line["way"], line["tenants"], line["in_flight"], line["batch"], number(line["rate"], 1)]
            values += [number(share, 2), number(line["least"], 1), number(line["p50"], 1), number(line["p95"], 1)]
            yield f"| {' | '.join(map(str, values))} |"
        best = max((line["rate"] for line in of_net if line["way"] == "ensemble"), default=None)
        if alone and best:
            met = "met" if best / alone >= AIMS[net] else "missed"
            yield f"\nBest ensemble to engine alone: {best / alone:.2f}, aim {AIMS[net]:.2f}: {met}.\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(function, *paths, measured=False):
        added = commands.add_parser(function.__name__)
        added.set_defaults(function=function)
        for path in paths:
            added.add_argument(path, type=pathlib.Path)
        if measured:
            added.add_argument("--engine", choices=engine.KINDS, default="torch")
            added.add_argument("--side", type=int, default=640)
            added.add_argument("--seconds", type=float, default=10)
        return added

    packing = command(pack, "folder")
    packing.add_argument("--part-size", type=int, default=48, metavar="MIB")
    packing.add_argument("--python", default="3.12", help="of the machine that runs it")
    running = command(run, measured=True)
    running.add_argument("--out", type=pathlib.Path, required=True)
    running.add_argument("--done", type=pathlib.Path)
    running.add_argument("--parts", type=pathlib.Path, help="a folder of `pack`; without it, what scripts/setup installs")
    running.add_argument("--limit", type=float, default=450, metavar="SECONDS")
    running.add_argument("--nets", nargs="+", choices=tuple(engine.NETS), default=tuple(engine.NETS))
    running.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    running.add_argument("--tenants", nargs="+", type=int, default=TENANTS)
    single = command(alone, measured=True)
    single.add_argument("--net", required=True)
    single.add_argument("--way", required=True)
    single.add_argument("--tenants", type=int, required=True)
    single.add_argument("--batch", type=int, required=True)
    command(report, "file")
    options = parser.parse_args()
    options.function(options)


if __name__ == "__main__":
    main()
