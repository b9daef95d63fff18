#!/usr/bin/env python3
"""The suite beside Schemathesis: the same server, one run, in turns.

    cargo build --release -p bitting-cli
    python3 -m venv .venv && .venv/bin/pip install schemathesis==4.32.*
    python3 conformance/benches/beside_schemathesis.py --schemathesis .venv/bin/schemathesis

Both get a valid key of the same user. Each tool says itself how many requests it made (the server is not asked).
The time is by the clock; processor time is the tool's own, and the server's from /proc. Linux only.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def control(ready, path, body):
    request = urllib.request.Request(
        ready["control_url"] + path,
        method="PUT" if path.endswith("limits") else "POST",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {ready['control_token']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        text = response.read()
        return json.loads(text) if text else None


def server_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(words, pid, environment):
    """Runs a tool: seconds by the clock, its processor time, the server's, and what it printed."""
    before, server = resource.getrusage(resource.RUSAGE_CHILDREN), server_seconds(pid)
    begun = time.perf_counter()
    done = subprocess.run(words, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, own, server_seconds(pid) - server, done.stdout + done.stderr


def ours(bitting, spec, ready, cases, seed):
    words = [bitting, "check", spec, "--url", ready["base_url"], "--control-url", ready["control_url"]]
    words += ["--max-cases", str(cases), "--seed", str(seed), "--quiet"]
    wall, own, server, text = measured(words, ready["pid"], {"BITTING_CONTROL_TOKEN": ready["control_token"]})
    return wall, own, server, int(re.search(r"(\d+) requests? in", text)[1])


def theirs(schemathesis, spec, ready, examples, seed, key):
    words = [schemathesis, "run", spec, "--url", ready["base_url"], "--max-examples", str(examples)]
    words += ["--seed", str(seed), "--no-color", "-H", f"Authorization: Bearer {key}", "--continue-on-failure"]
    wall, own, server, text = measured(words, ready["pid"], {})
    found = re.search(r"([\d,]+) generated", text)
    if not found:
        sys.exit(f"Schemathesis does not say how many cases it made:\n{text[-2000:]}")
    return wall, own, server, int(found[1].replace(",", ""))


def start(words, turns=9):
    """The median of how long a command takes that does next to nothing, in milliseconds."""
    times = []
    for _ in range(turns):
        begun = time.perf_counter()
        subprocess.run(words, cwd=ROOT, capture_output=True)
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bitting", default=str(ROOT / "target/release/bitting"))
    parser.add_argument("--schemathesis", default="schemathesis")
    parser.add_argument("--spec", default="spec/openapi/roboticks.yaml")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--cases", type=int, default=1000, help="ours, for one operation")
    parser.add_argument("--examples", type=int, default=50, help="theirs, for one operation")
    options = parser.parse_args()
    rows = {"bitting": [], "schemathesis": []}
    for turn in range(options.turns):
        server = subprocess.Popen([options.bitting, "serve", options.spec], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            ready = json.loads(server.stdout.readline())
            rows["bitting"].append(ours(options.bitting, options.spec, ready, options.cases, turn))
            control(ready, "/v1/reset", None)
            control(ready, "/v1/rate-limits", {"limit": 1000000, "window": 60})
            user = "ada@acme.example"
            key = control(ready, "/v1/keys", {"user": user})["secret"]
            rows["schemathesis"].append(theirs(options.schemathesis, options.spec, ready, options.examples, turn, key))
        finally:
            server.terminate()
            server.wait()
    print(f"{options.spec}, {options.turns} turns, medians\n")
    print("| tool | requests | seconds | requests/s | own processor ms/request | own share of the processor |")
    print("|---|---:|---:|---:|---:|---:|")
    for tool, turns in rows.items():
        wall, own, other, count = (statistics.median(values) for values in zip(*turns))
        rate, each, share = count / wall, own * 1e3 / count, own / (own + other)
        print(f"| {tool} | {count:.0f} | {wall:.2f} | {rate:.0f} | {each:.3f} | {share:.0%} |")
    print(f"\nstart: bitting {start([options.bitting, 'explain', 'token.expired']):.0f} ms, ", end="")
    print(f"its plan of the document {start([options.bitting, 'check', options.spec, '--plan', '--url', 'http://127.0.0.1:1']):.0f} ms, ", end="")
    print(f"schemathesis {start([options.schemathesis, '--version'], 3):.0f} ms")


main()
