"""TCP, HTTP and DNS through the tunnel against the same without it, interleaved, in namespaces of this run.

  [device: applications + moat-agent tunnel] -t0-> engine -marked socket-> up0 == veth == sv0 [server: iperf3, HTTP, DNS]

Applications have no route but the TUN device, so a dead tunnel shows as errors and never as a fast direct path.
Usage: tunnel.py MOAT_AGENT [SECONDS [REPETITIONS]]
"""
import atexit
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time

from measure import machine

RUN = f"moat{os.getpid()}"
DEVICE, SERVER = f"{RUN}-d", f"{RUN}-s"
ADDRESS = "203.0.113.1"
MARK = "2"
started = []


def sh(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def inside(namespace, *command):
    return ["ip", "netns", "exec", namespace, *command]


def spawn(namespace, *command):
    process = subprocess.Popen(inside(namespace, *command), start_new_session=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started.append(process)
    return process


def end(process):
    """Ends one process that this run started, with its session."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    started.remove(process)


def remove():
    for process in list(started):
        end(process)
    for namespace in (DEVICE, SERVER):
        subprocess.run(["ip", "netns", "del", namespace], capture_output=True)


def make_server():
    sh("ip", "netns", "add", SERVER)
    sh("ip", "-n", SERVER, "link", "set", "lo", "up")
    sh("ip", "-n", SERVER, "addr", "add", f"{ADDRESS}/32", "dev", "lo")
    spawn(SERVER, "iperf3", "-s", "-B", ADDRESS)
    spawn(SERVER, sys.executable, os.path.abspath(__file__), "--serve")


def make_device(agent):
    """The device's namespace; with a tunnel when there is an agent."""
    sh("ip", "netns", "add", DEVICE)
    ip = ["ip", "-n", DEVICE]
    sh(*ip, "link", "set", "lo", "up")
    sh("ip", "link", "add", "up0", "netns", DEVICE, "type", "veth", "peer", "name", "sv0", "netns", SERVER)
    sh(*ip, "addr", "add", "198.51.100.2/24", "dev", "up0")
    sh("ip", "-n", SERVER, "addr", "add", "198.51.100.1/24", "dev", "sv0")
    sh(*ip, "link", "set", "up0", "up")
    sh("ip", "-n", SERVER, "link", "set", "sv0", "up")
    if not agent:
        sh(*ip, "route", "add", "default", "via", "198.51.100.1")
        return None
    sh(*ip, "route", "add", "default", "via", "198.51.100.1", "table", "100")
    sh(*ip, "rule", "add", "fwmark", MARK, "lookup", "100")
    tunnel = spawn(DEVICE, agent, "tunnel", "--tun", "t0", "--mark", MARK)
    for _ in range(200):
        if subprocess.run([*ip, "link", "show", "t0"], capture_output=True).returncode == 0:
            break
        time.sleep(0.02)
    sh(*ip, "addr", "add", "198.18.0.1/30", "dev", "t0")
    sh(*ip, "link", "set", "t0", "mtu", "1500", "up")
    sh(*ip, "route", "add", "default", "dev", "t0")
    return tunnel


def tunnel_bytes():
    text = subprocess.run(["ip", "-n", DEVICE, "-s", "-j", "link", "show", "t0"], capture_output=True, text=True).stdout
    stats = json.loads(text)[0]["stats64"]
    return stats["rx"]["bytes"] + stats["tx"]["bytes"]


def iperf(seconds, *options):
    """Received Gbit/s, and the bytes of it."""
    command = inside(DEVICE, "iperf3", "-c", ADDRESS, "-J", "-t", str(seconds), *options)
    try:
        answer = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=seconds + 10).stdout)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"iperf3 {' '.join(options)}: no end after {seconds + 10} s") from None
    if "error" in answer:
        raise RuntimeError(f"iperf3 {' '.join(options)}: {answer['error']}")
    received = answer["end"]["sum_received"]
    return received["bits_per_second"] / 1e9, received["bytes"]


def measure(seconds, tunnel):
    result = {}
    for name, options in (("up_1", []), ("down_1", ["-R"]), ("up_8", ["-P", "8"]), ("down_8", ["-P", "8", "-R"])):
        before = tunnel_bytes() if tunnel else 0
        result[f"{name}_gbit"], payload = iperf(seconds, *options)
        if tunnel and tunnel_bytes() - before < 0.9 * payload:
            raise RuntimeError(f"{name}: the traffic went past the tunnel")
    command = inside(DEVICE, sys.executable, os.path.abspath(__file__), "--ask", str(seconds))
    asked = subprocess.run(command, capture_output=True, text=True, timeout=6 * seconds + 20)
    if asked.returncode:
        raise RuntimeError(f"HTTP or DNS failed: {asked.stderr[-400:]}")
    result.update(json.loads(asked.stdout))
    return result


def one_run(agent, seconds):
    tunnel = make_device(agent)
    try:
        wait_until_reachable()
        result = measure(seconds, tunnel)
        if tunnel:
            if tunnel.poll() is not None:
                raise RuntimeError("the tunnel ended during the run")
            end(tunnel)
        return result
    finally:
        subprocess.run(["ip", "-n", SERVER, "link", "del", "sv0"], capture_output=True)
        subprocess.run(["ip", "netns", "del", DEVICE], capture_output=True)


def wait_until_reachable():
    probe = f"import socket; socket.create_connection(('{ADDRESS}', 80), 1)"
    for _ in range(50):
        if subprocess.run(inside(DEVICE, sys.executable, "-c", probe), capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("the server cannot be reached from the device")


def serve():
    """The server's side: HTTP with kept connections on port 80, an echo as DNS server on port 53."""
    import threading

    def web(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
        with connection:
            while request := connection.recv(65536):
                connection.sendall(answer * request.count(b"\r\n\r\n"))

    def names():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((ADDRESS, 53))
            while True:
                query, peer = s.recvfrom(2048)
                s.sendto(query[:2] + b"\x81\x83" + query[4:], peer)

    threading.Thread(target=names, daemon=True).start()
    with socket.create_server((ADDRESS, 80), backlog=1024) as listener:
        while True:
            threading.Thread(target=web, args=(listener.accept()[0],), daemon=True).start()


def ask(seconds):
    """The device's side: requests one after the other, so these are latencies turned round."""
    kept = http.client.HTTPConnection(ADDRESS, 80, timeout=5)
    query = b"\0\1\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"

    def keep_alive():
        kept.request("GET", "/")
        kept.getresponse().read()

    def connect():
        with socket.create_connection((ADDRESS, 80), 5) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            s.recv(2048)

    def resolve():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(2)
            s.sendto(query, (ADDRESS, 53))
            s.recv(2048)

    result = {}
    for name, action in (("http_kept_us", keep_alive), ("http_new_connection_us", connect), ("dns_new_port_us", resolve)):
        times, end_at = [], time.perf_counter() + seconds
        while time.perf_counter() < end_at:
            start = time.perf_counter()
            action()
            times.append((time.perf_counter() - start) * 1e6)
        result[name] = statistics.median(times)
    print(json.dumps(result))


def main():
    if sys.argv[1] == "--serve":
        return serve()
    if sys.argv[1] == "--ask":
        return ask(int(sys.argv[2]))
    agent, seconds, repetitions = sys.argv[1], *(int(n) for n in (sys.argv[2:4] + ["2", "3"][len(sys.argv) - 2:]))
    atexit.register(remove)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(3))
    make_server()
    runs = {"direct": [], "tunnel": []}
    for repetition in range(repetitions):
        for name, program in (("direct", None), ("tunnel", agent)):
            print(f"repetition {repetition + 1} of {repetitions}: {name}", file=sys.stderr)
            runs[name].append(one_run(program, seconds))
    median = {name: {key: statistics.median(run[key] for run in of) for key in of[0]} for name, of in runs.items()}
    ratio = {key: median["tunnel"][key] / median["direct"][key] for key in median["direct"]}
    print(json.dumps({"benchmark": "tunnel", "machine": machine(), "seconds": seconds, "repetitions": repetitions,
                      **median, "ratio": ratio}))


if __name__ == "__main__":
    main()
