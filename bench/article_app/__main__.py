"""The article's application in Python, from decoding to the drawn frame: who is there, in which vest, at which station.

Runs so many tenants on a video that is looped, warms them up, measures all over the same time, and prints one line of JSON.
README.md says what its figures mean and how its settings were chosen.
"""

import argparse
import json
import os
import signal
import sys

# Libraries that would start a thread a processor for themselves.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import check
import tenant
import tenants


def arguments():
    parser = argparse.ArgumentParser(
        prog="article_app", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--mode",
        choices=["runner", "decoupled", "ensemble", "decode"],
        required=True,
        help="runner: ONNX Runtime in this process; decode: only decode",
    )
    add(
        "--requests",
        choices=["threads", "async"],
        default="threads",
        help="one synchronous request at a time for each model, or several in flight (%(default)s)",
    )
    add("--tenants", type=positive(int), default=1, metavar="N", help="applications at the same time (%(default)s)")
    add("--seconds", type=positive(float), default=20.0, metavar="S", help="measured time (%(default)s)")
    add(
        "--warm-up",
        type=float,
        default=3.0,
        metavar="S",
        help="time before it, from every tenant's first frame on (%(default)s)",
    )
    add("--input", required=True, metavar="FILE", help="a video")
    add("--stations", required=True, metavar="FILE", help="as pipelines/stations/demo.json")
    add("--models", metavar="FOLDER", help="a model repository, for the runner")
    add("--server", metavar="HOST:PORT", help="a Triton's gRPC, for the other modes")
    add("--window", action="store_true", help="show every drawn frame in a window")
    add(
        "--check", type=positive(int), metavar="N", help="measure nothing, print how many people are seen in the first N frames"
    )
    add("--save", metavar="FOLDER", help="with --check: save ten of the drawn frames as PNG")
    add(
        "--truth",
        metavar="FILE",
        help="with --check: as media/vests_truth.json.gz; print precision, recall and share of right vests",
    )
    group = parser.add_argument_group("settings whose defaults were measured")
    add = group.add_argument
    add("--transport", choices=["shared-memory", "wire"], default="shared-memory", help="of frames to Triton (%(default)s)")
    add("--frames", type=positive(int), metavar="N", help="frames in flight for each tenant")
    add("--threads", type=positive(int), default=1, metavar="N", help="threads of each of the runner's models (%(default)s)")
    add("--tenants-in", choices=["processes", "threads"], default="processes", help="what a tenant is (%(default)s)")
    options = parser.parse_args()
    if options.mode == "runner" and not options.models:
        parser.error("--mode runner needs --models FOLDER")
    if options.mode in ("decoupled", "ensemble") and not options.server:
        parser.error(f"--mode {options.mode} needs --server HOST:PORT")
    if options.mode in ("runner", "decode") and options.requests == "async":
        parser.error(f"--mode {options.mode} has no requests: --requests threads")
    if options.mode == "decode" and (options.check or options.window):
        parser.error("--mode decode has nothing to show")
    if options.window and options.tenants_in == "threads":
        parser.error("--window needs --tenants-in processes")
    return options


def positive(kind):
    def parse(text):
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    return parse


def main():
    options = arguments()
    # As SystemExit, so that the tenants are ended first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        publish = lambda result: print(json.dumps(result), flush=True)
        if options.check:
            publish(check.check(options))
        else:
            tenants.measure(options, publish)
    except (tenants.TenantError, *tenant.EXPECTED) as error:
        sys.exit(f"article_app: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
