"""A child that speaks the contract and measures nothing: `stand_in.py BATCH.json OUTBOX.jsonl`.

The option `fault` of a case says how its job ends, STAND_IN_PARITY how every parity job does.
Standard library only, to start at once.
"""

import ctypes
import hashlib
import json
import math
import os
import signal
import struct
import subprocess
import sys
import time


def say(**item):
    print(json.dumps(item), flush=True)


def sleep(batch):
    """Until it is our turn, where any are taken."""
    if batch.get("turns"):
        say(event="turn")
        if not os.read(0, 1):
            os._exit(1)


def reading(samples):
    ordered, n = sorted(samples), len(samples)
    rank, tail = 0, 0.0
    while (tail := tail + math.comb(n, rank) / 2**n) <= 0.025:
        rank += 1
    statistics = {
        "n": n,
        "median": quantile(ordered, 0.5),
        "q1": quantile(ordered, 0.25),
        "q3": quantile(ordered, 0.75),
        "minimum": ordered[0],
        "maximum": ordered[-1],
        "low": ordered[rank - 1],
        "high": ordered[n - rank],
    }
    digest = hashlib.sha256(struct.pack(f"<{n}d", *samples)).hexdigest()
    return {"unit": "s", "samples": samples, "statistics": statistics, "samples_sha256": digest}


def quantile(ordered, q):
    place = q * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def write(outbox, batch, job, status="ok", samples=(), message="", readings=None, details=None):
    record = {
        "schema": "sabench.record",
        "schema_version": "1.0",
        "job_id": job["job_id"],
        "case_id": case_id(job["case"]),
        "device": job["device"],
        "environment": batch["environment"],
        "suite": batch["suite"],
        "preset": batch["preset"]["name"],
        "replicate": job["replicate"],
        "attempt": job["attempt"],
        "status": status,
        "message": message,
        "readings": readings or ({"latency_warm": reading(list(samples))} if samples else {}),
        "details": details or {},
        "started_utc": "2026-01-01T00:00:00+00:00",
        "wall_s": 0.0,
    }
    try:
        with open(outbox, "ab") as file:
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        sys.stderr.write(f"error: {outbox}: cannot append: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(74)


SWEPT = ("channels", "size", "resolution")


def case_id(case):
    told = {key: case[key] for key in SWEPT if case[key] is not None}
    told |= case["options"] | ({"threads": case["threads"]} if case["threads"] > 1 else {})
    keys = ",".join(f"{key}={value}" for key, value in told.items())
    how = f"{case['mode']}.{case['dtype']}.{case['implementation']}.{case['runtime']}"
    return f"{case['subject']}/{keys}/{how}"


def do(fault, outbox, batch, job):
    """The job's end; what returns has written its record."""
    figures = [0.001 * (job["case"]["size"] + job["replicate"] * 0.001)] * 12
    if fault == "exit":
        os._exit(0)
    elif fault == "segv":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        grandchild = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
        subprocess.Popen([sys.executable, "-c", grandchild + "; time.sleep(60)", outbox])
        time.sleep(60)
    elif fault == "polite":

        def leave(number, frame):
            write(outbox, batch, job, "interrupted")
            os._exit(130)

        signal.signal(signal.SIGTERM, leave)
        time.sleep(60)
    elif fault == "late_once" and (job["replicate"], job["attempt"]) == (0, 1):
        time.sleep(60)
    elif fault == "silent":
        return  # ends without a record
    elif fault == "garbage":
        with open(outbox, "ab") as file:
            line = {"schema": "sabench.record", "schema_version": "1.0", "job_id": job["job_id"]}
            file.write(json.dumps(line | {"attempt": job["attempt"]}).encode() + b"\n")
    elif fault == "torn":
        with open(outbox, "ab") as file:
            file.write(b'{"schema": "sabench.rec')
        os._exit(1)
    elif fault == "raises":
        write(outbox, batch, job, "error", message="ValueError: on purpose")
    elif fault == "oom":
        write(outbox, batch, job, "oom", message="10 TiB asked for")
        say(event="end", job_id=job["job_id"], status="oom")
        os._exit(17)  # a fragmented process is not used again
    elif fault == "differs":
        write(outbox, batch, job, "parity_failed", message="blocked is not halo: on purpose")
    elif fault == "speed":
        told = {"cores": batch["cores"], "core_best": 4.0 - job["replicate"]}
        write(outbox, batch, job, "ok", figures, details=told)
    elif fault == "nan":
        write(outbox, batch, job, "nonfinite")
    elif (fault == "contended" and job["attempt"] == 1) or fault == "always_contended":
        write(outbox, batch, job, "contended", figures)
    elif fault == "newer":
        with open(outbox, "ab") as file:
            file.write(
                b'{"schema": "sabench.record", "schema_version": "9.0", "job_id": "%s"}\n'
                % job["job_id"].encode()
            )
    else:
        if fault == "long":
            figures = [0.001 + 1e-7 * i for i in range(500)]
        if fault in ("brief", "slow"):
            time.sleep(0.002 if fault == "brief" else 0.05)
        if fault == "steady":  # as a real job: three seconds, a figure twice a second
            for n in range(6):
                time.sleep(0.5)
                say(event="figure", job_id=job["job_id"], latency_s=0.001, n=n)
        if fault == "chatty":
            print("I am a layer\n{not json\n[1]\n" + "x" * 3_000_000)
        write(outbox, batch, job, "ok", figures)


def fault_of(job):
    if job["kind"] == "parity":
        return os.environ.get("STAND_IN_PARITY", "ok")
    return job["case"]["options"].get("fault", "ok")


def main(batch_file, outbox):
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
    with open(batch_file, encoding="utf-8") as file:
        batch = json.load(file)
    faults = [fault_of(job) for job in batch["jobs"]]
    if "dead" in faults:
        sys.exit("cannot even start")
    say(event="ready")
    for job, fault in zip(batch["jobs"], faults, strict=True):
        sleep(batch)
        say(event="start", job_id=job["job_id"])
        say(event="figure", job_id=job["job_id"], latency_s=0.001, n=10)
        do(fault, outbox, batch, job)
        say(event="end", job_id=job["job_id"], status="ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
