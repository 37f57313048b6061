"""Small things that the benchmarks share: statistics, and requests without a tool in between."""
import http.client
import json
import os
import platform
import socket
import struct


def machine():
    model = "unknown processor"
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release()}


def quantile(values, q):
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * q // 100) - 1))]


class AdminSocket(http.client.HTTPConnection):
    """The server's API on its admin socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def call(self, method, path, body=None, kind="application/json"):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        self.request(method, path, data, {"Content-Type": kind} if data else {})
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else None


def resolve(name, server, timeout=1.0):
    """The first IPv4 address of a name, asked over UDP from a new port; None when there is none."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    ident = os.urandom(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.sendto(ident + b"\1\0\0\1\0\0\0\0\0\0" + question, (server, 53))
        answer = s.recv(4096)
    if answer[:2] != ident or struct.unpack("!H", answer[6:8])[0] == 0:
        return None
    # One answer record: a compressed name (2), type, class, TTL, length (10), address (4).
    record = answer[12 + len(question):]
    return socket.inet_ntoa(record[12:16])


def anonymous_memory(pid):
    """MiB of RssAnon."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} shows no RssAnon")
