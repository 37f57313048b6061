"""How fast the server's will reaches a connected device, and what the device needs for it.

Runs inside the device's namespace of the demo's world; script/bench makes that world.
Usage: control.py enforce|jailbreak|memory WORK AGENT_PID
"""
import json
import os
import socket
import ssl
import sys
import time

from measure import AdminSocket, anonymous_memory, machine, quantile, resolve

DNS = "192.0.2.10"
SINKHOLE = "198.18.0.3"
ADDITIONS = 100
OTHERS = 100_000
RUNS = int(os.environ.get("RUNS", "1000"))


def until(check, what, patience=30.0):
    end = time.monotonic() + patience
    while not check():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not happen within {patience} s")
        time.sleep(0.0005)


def indicator(name):
    return {"indicatorValue": name, "indicatorType": "DomainName", "action": "Block", "title": "Benchmark",
            "description": "Benchmark", "severity": "Low", "generateAlert": False}


def enforcement_times(server, tag):
    """Milliseconds from sending the request to the first blocked answer, one addition after the other."""
    times, acknowledged = [], []
    for number in range(ADDITIONS):
        name = f"{tag}{number}.good.example"
        if resolve(name, DNS) == SINKHOLE:
            raise RuntimeError(f"{name} is blocked before it was added")
        start = time.monotonic()
        server.call("POST", "/api/indicators", indicator(name))
        acknowledged.append((time.monotonic() - start) * 1000)
        until(lambda: resolve(name, DNS) == SINKHOLE, f"blocking {name}")
        times.append((time.monotonic() - start) * 1000)
    return {"additions": len(times), "p50_ms": quantile(times, 50), "p99_ms": quantile(times, 99), "max_ms": max(times),
            "acknowledged_p50_ms": quantile(acknowledged, 50)}


def add_others(server):
    """100,000 indicators in files of 10,000 rows."""
    start = time.monotonic()
    for part in range(0, OTHERS, 10_000):
        rows = ["IndicatorType,IndicatorValue,Action,Title,Description,Severity"]
        rows += [f"DomainName,h{n}.example.net,Block,Benchmark,Benchmark,Low" for n in range(part, part + 10_000)]
        answer = server.call("POST", "/admin/indicators/import-csv", "\n".join(rows).encode(), "text/csv")
        if answer["failed"]:
            raise RuntimeError(f"{answer['failed']} rows failed: {answer['value'][0]}")
    until(lambda: resolve(f"h{OTHERS - 1}.example.net", DNS) == SINKHOLE, "blocking the last of the others")
    return time.monotonic() - start


def enforce(work, pid):
    server = AdminSocket(f"{work}/server/admin.sock")
    few = enforcement_times(server, "few")
    seconds = add_others(server)
    many = enforcement_times(server, "many")
    return {"few_indicators": few, "with_100000_others": many, "import_of_100000_s": seconds}


def memory(work, pid):
    server = AdminSocket(f"{work}/server/admin.sock")
    empty = anonymous_memory(pid)
    add_others(server)
    time.sleep(2)
    return {"few_indicators_anon_mib": empty, "with_100000_anon_mib": anonymous_memory(pid),
            "bundle_mib": os.path.getsize(f"{work}/device/bundle") / 2**20}


def ask_agent(work, command):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(f"{work}/device/agent.sock")
        s.sendall(json.dumps({"command": command}).encode() + b"\n")
        return json.loads(s.makefile().readline())


def corporate_status(context):
    with socket.create_connection(("203.0.113.2", 443), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="app.corp.example") as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: app.corp.example\r\nConnection: close\r\n\r\n")
            return int(s.recv(4096).split(b" ")[1])


def jailbreak(work, pid):
    """From the end of the posture run to the first 403 of the corporate application, and back to 200."""
    context = ssl.create_default_context(cafile=f"{work}/sites.pem")
    context.load_cert_chain(f"{work}/device/device.pem", f"{work}/device/device.key")
    trace, closed, opened = f"{work}/phone/var/jb", [], []
    until(lambda: corporate_status(context) == 200, "access before the jailbreak")
    for _ in range(RUNS):
        for status, times in ((403, closed), (200, opened)):
            os.symlink("/private/preboot/jb", trace) if status == 403 else os.unlink(trace)
            ask_agent(work, "check")
            start = time.monotonic()
            until(lambda: corporate_status(context) == status, f"status {status}")
            times.append((time.monotonic() - start) * 1000)
    return {"runs": RUNS, "first_403_p50_ms": quantile(closed, 50), "first_403_p99_ms": quantile(closed, 99),
            "first_403_max_ms": max(closed), "open_again_p50_ms": quantile(opened, 50),
            "open_again_p99_ms": quantile(opened, 99), "open_again_max_ms": max(opened)}


def main():
    name, work, pid = sys.argv[1:4]
    result = {"enforce": enforce, "memory": memory, "jailbreak": jailbreak}[name](work, int(pid))
    print(json.dumps({"benchmark": name, "machine": machine(), **result}))


if __name__ == "__main__":
    main()
