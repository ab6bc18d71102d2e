"""Runs Envoy with the tenants' configuration in front of two servers on this machine, and sends requests on one connection.

What is expected: both servers get their share of the requests, and all succeed on the other one once one is gone or hangs.
"""

import concurrent.futures
import copy
import http.server
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import threading
import time

import grpc

METHOD = "/inference.GRPCInferenceService/ModelInfer"
REQUEST = bytes(921600)  # a frame of worker_ensemble
REQUESTS = 60
PATIENCE = 20.0  # seconds


def failures(config, folder):
    """What is not as expected of Envoy's configuration; its ports are exchanged for free ones."""
    context = multiprocessing.get_context("spawn")
    servers = [Server(context) for _ in range(2)]
    port, config = local(config, servers)
    envoy = subprocess.Popen(
        ["envoy", "--log-level", "off", "--disable-hot-restart", "--config-yaml", json.dumps(config)], cwd=folder
    )
    try:
        return list(run(port, servers))
    finally:
        envoy.terminate()
        envoy.wait()
        for server in servers:
            server.kill()


def run(port, servers):
    # one connection, as a process of shopfloor has one
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(METHOD)
        if not until(lambda: {ask(call) for _ in range(8)} >= {server.name for server in servers}):
            return (yield "balance: not both servers got requests")
        responses = spread(call)
        counts = [responses.count(server.name) for server in servers]
        print(f"balance: {counts} of {REQUESTS} requests on one connection")
        if min(counts) < REQUESTS / 4 or sum(counts) < REQUESTS:
            yield f"balance: requests went to the servers {counts}"
        for harm in (Server.hang, Server.kill):
            harm(servers[0])
            began = time.monotonic()
            if not until(lambda: all(ask(call) == servers[1].name for _ in range(8))):
                yield f"balance: requests still fail {PATIENCE:.0f} s after {harm.__name__}"
            print(f"balance: {harm.__name__}: all requests succeed after {time.monotonic() - began:.1f} s")
            if harm is Server.hang:
                servers[0].resume()
                if not until(lambda: servers[0].name in spread(call)):
                    yield "balance: a server that responds again gets no requests"


def until(condition):
    """Whether it is met before patience ends."""
    end = time.monotonic() + PATIENCE
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return met


def ask(call, timeout=1.0):
    """The server's name, or `None`."""
    try:
        return call(REQUEST, timeout=timeout).decode()
    except grpc.RpcError:
        return None


def spread(call):
    """The servers of so many requests, four at a time."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: ask(call, PATIENCE), range(REQUESTS)))


class Server:
    """A process that responds to requests with its name, and to probes."""

    def __init__(self, context):
        receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=serve, args=(sender,), daemon=True)
        self.process.start()
        self.grpc, self.http = receiver.recv()
        self.name = str(self.process.pid)

    def hang(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.join()


class Ready(http.server.BaseHTTPRequestHandler):
    """Triton's probe."""

    def do_GET(self):
        self.send_response(200 if self.path == "/v2/health/ready" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


def serve(sender):
    name = str(os.getpid()).encode()

    def infer(_request, _context):
        time.sleep(0.01)
        return name

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(infer) if details.method == METHOD else None

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    probed = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ready)
    threading.Thread(target=probed.serve_forever, daemon=True).start()
    sender.send((port, probed.server_port))
    server.wait_for_termination()


def local(config, servers):
    """The configuration with this machine's addresses, and the port that it listens on."""
    config = copy.deepcopy(config)
    ports = free_ports(3)
    listeners = config["static_resources"]["listeners"]
    for listener, port in zip(listeners, ports):
        listener["address"]["socket_address"].update(address="127.0.0.1", port_value=port)
    config["admin"]["address"]["socket_address"]["port_value"] = ports[2]
    triton = config["static_resources"]["clusters"][0]["load_assignment"]["endpoints"][0]
    (endpoint,) = triton["lb_endpoints"]
    triton["lb_endpoints"] = [copy.deepcopy(endpoint) for _ in servers]
    for each, server in zip(triton["lb_endpoints"], servers):
        each["endpoint"]["address"]["socket_address"].update(address="127.0.0.1", port_value=server.grpc)
        each["endpoint"]["health_check_config"]["port_value"] = server.http
    return ports[0], config


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
