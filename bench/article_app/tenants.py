"""Starts the tenants, each a process of its own unless threads are asked for, and adds up what they measured."""

import multiprocessing
import multiprocessing.connection
import os
import threading

import tenant

PATIENCE = 60.0  # seconds for a process to end by itself, more than its threads take


class TenantError(Exception):
    """A tenant failed."""


def measure(options, publish):
    """Measures all tenants, and calls `publish` with the figures as soon as they are known; then the tenants end."""
    run = in_threads if options.tenants_in == "threads" else in_processes
    run(options, lambda results: publish(sums(results)))


def sums(results):
    """What is printed."""
    # threads of one process have its CPU time in common
    used = {result["process"]: (result.pop("cpu"), result.pop("cpu_model")) for result in results}
    models = [model for _, model in used.values()]
    for result in results:
        del result["process"]
    return {
        "tenants": results,
        "cpu_seconds": sum(total for total, _ in used.values()),
        "cpu_model_seconds": None if None in models else sum(models),
        "cpu_server_seconds": None,  # the caller's to measure: the server is not ours
        "seconds": max(result["seconds"] for result in results),
    }


def in_processes(options, publish):
    # Spawned, not forked: gRPC and ONNX Runtime do not survive a fork.
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(options.tenants)
    tenants = []
    try:
        for number in range(options.tenants):
            receiver, sender = context.Pipe(duplex=False)
            arguments = (options, number, barrier, sender, os.getpid())
            process = context.Process(target=tenant.process, args=arguments, name=f"tenant {number + 1}")
            process.start()
            sender.close()
            tenants.append((process, receiver))
        # A process that has ended closes its pipe, too.
        publish(gather([receiver for _, receiver in tenants], [process.name for process, _ in tenants]))
        for process, _ in tenants:
            process.join(PATIENCE)
            if process.exitcode != 0:
                raise TenantError(f"{process.name} was measured, but did not end well")
    finally:
        for process, _ in tenants:
            process.kill()
        for process, _ in tenants:
            process.join()


def in_threads(options, publish):
    barrier = threading.Barrier(options.tenants)
    pipes = [multiprocessing.Pipe(duplex=False) for _ in range(options.tenants)]
    threads = []
    for number, (_, sender) in enumerate(pipes):
        threads.append(threading.Thread(target=tenant.run, args=(options, number, barrier, sender), daemon=True))
        threads[-1].start()
    publish(gather([receiver for receiver, _ in pipes], [f"tenant {number + 1}" for number in range(options.tenants)]))
    for thread in threads:
        thread.join(PATIENCE)


def gather(receivers, names):
    """What each tenant measured; fails as soon as one failed."""
    results = {}
    while len(results) < len(receivers):
        for receiver in multiprocessing.connection.wait([one for one in receivers if one not in results]):
            name = names[receivers.index(receiver)]
            try:
                kind, result = receiver.recv()
            except EOFError:
                raise TenantError(f"{name} ended without a result; was it killed?") from None
            if kind == "failed":
                raise TenantError(f"{name}: {result}")
            results[receiver] = result
    return [results[receiver] for receiver in receivers]
