# Sourced by the other scripts: where things are, and how a step is announced and a failure reported.
# Expects `root`, the checkout's folder, to be set. Leaves the shell's options alone.

# Scripts and links name target/release, so a target folder from elsewhere is not followed.
export CARGO_TARGET_DIR="${root:?}/target"
logs="$root/target/logs"

# The file for a step's output, which is shown only if the step fails.
step_log() {
    mkdir -p "$logs"
    printf '%s/%s.log' "$logs" "$1"
}

say() {
    printf '== %s\n' "$*"
}

# step NUMBER TEXT: announces a step of a script that exports SHOPFLOOR_STEPS, the number of its steps; else prints nothing.
step() {
    [ -z "${SHOPFLOOR_STEPS:-}" ] || say "step $1 of $SHOPFLOOR_STEPS: $2"
}

# fail STEP WHY REMEDY: ends the script.
fail() {
    printf '\nfailed: %s\n   why: %s\n    do: %s\n' "$1" "$2" "$3" >&2
    exit 1
}

# quietly STEP REMEDY COMMAND…: runs COMMAND with its output in a log, whose last lines are shown if it fails.
quietly() {
    quiet_step=$1
    quiet_remedy=$2
    shift 2
    quiet_log=$(step_log "$(printf '%s' "$quiet_step" | tr -c 'a-zA-Z0-9\n' '-')")
    if "$@" >"$quiet_log" 2>&1 </dev/null; then
        return 0
    else
        quiet_status=$?
    fi
    tail -n 15 "$quiet_log" | sed 's/^/    | /' >&2
    fail "$quiet_step" "\`$*\` ended with status $quiet_status, its last lines are above (all: $quiet_log)" "$quiet_remedy"
}

# python_with_venv STEP: prints the first Python that can make virtual environments; one earlier on the PATH may lack the
# module, which Debian's has after scripts/setup.
python_with_venv() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            printf '%s' "$python"
            return 0
        fi
    done
    fail "$1" "no python3 with the modules venv and ensurepip was found" \
        "install Python 3 with venv (Debian: python3-venv)"
}

# onnx_python: prints a Python that has the packages onnx and numpy, installed into .tools/onnx unless they are there.
# The bytes of the graphs depend on these versions.
onnx_python() {
    onnx=1.23.2
    numpy=2.4.6
    onnx_venv="$root/.tools/onnx"
    if [ "$(cat "$onnx_venv/stamp" 2>/dev/null)" != "onnx $onnx" ]; then
        say "graphs: installing onnx $onnx into .tools/onnx, about 45 MB to download" >&2
        python=$(python_with_venv graphs)
        quietly "graphs, venv" "remove $onnx_venv and run this again" "$python" -m venv --clear "$onnx_venv"
        quietly "graphs, wheels" "check the network and pip's index" "$onnx_venv/bin/python" -m pip install \
            --disable-pip-version-check --only-binary :all: "onnx==$onnx" "numpy==$numpy"
        printf 'onnx %s\n' "$onnx" >"$onnx_venv/stamp"
    fi
    printf '%s' "$onnx_venv/bin/python"
}

# build_release: everything that the demo and the whole-pipeline tests run, with cargo's own progress.
build_release() {
    say "build: the plugin, the command and the Triton backend (release); about 8 minutes the first time on two cores"
    cargo build --release --locked --workspace --manifest-path "$root/Cargo.toml" ||
        fail "build" "cargo could not build the workspace, see above" \
            "if crates could not be downloaded, check the network and run this again; else it is a defect of this checkout"
}

# build_bench: the program of bench/, and the backend that its Triton uses. Sets bench, the program's path.
build_bench() {
    say "build: the bench and the Triton backend (release); some minutes the first time on two cores"
    cargo build --release --locked -p shopfloor-bench -p onnxruntime-backend --manifest-path "$root/Cargo.toml" ||
        fail "build" "cargo could not build the bench, see above" \
            "if crates could not be downloaded, check the network and run this again; else it is a defect of this checkout"
    bench="$CARGO_TARGET_DIR/release/shopfloor-bench"
}

# bench_python: installs the pinned peers of bench/ into .tools/bench, unless they are there; again when the versions change.
bench_python() {
    bench_venv="$root/.tools/bench"
    bench_pinned="$root/bench/peers/requirements.txt"
    cmp -s "$bench_pinned" "$bench_venv/requirements.txt" && return 0
    say "bench: installing perf_analyzer and Python's packages into .tools/bench, about 130 MB to download"
    python=$(python_with_venv bench)
    quietly "bench, venv" "remove $bench_venv and run this again" "$python" -m venv --clear "$bench_venv"
    quietly "bench, wheels" "check the network and pip's index" "$bench_venv/bin/python" -m pip install \
        --disable-pip-version-check --no-deps --only-binary :all: --requirement "$bench_pinned"
    cp "$bench_pinned" "$bench_venv/requirements.txt"
}
