#!/usr/bin/env python3
"""Measures the import of contacts and prints a table: rows a second, and memory above that of an idle program.

    contacts.py COUNTERSIGN [--rows N] [--peer-rows N] [--peer PYTHON]

COUNTERSIGN is the release. A file of N rows (a million unless told) is made, of which one in twenty is refused and one in
twenty comes twice; it is judged (`--dry-run`) and then taken over by the console into a new data folder. The peer is
`peers/contacts.py`, run by PYTHON, which must have `phonenumbers`; it gets fewer rows, since only its rate is wanted.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
AREAS = [201, 202, 206, 212, 213, 303, 305, 312, 404, 415, 503, 512, 602, 612, 617, 702, 713, 808, 907, 919]


def make(path, rows):
    """A file whose numbers are valid, but for every twentieth row; every twentieth row is a number that came before."""
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write("phone,name,note\n")
        for n in range(rows):
            k = n - 7 if n % 20 == 19 and n >= 7 else n
            area = AREAS[k % len(AREAS)]
            rest = k // len(AREAS)
            number = f"({area}) {200 + rest // 10000 % 800}-{rest % 10000:04d}" if n % 20 else "1.41555E+10"
            out.write(f'"{number}",Person {n},"=note {n}, with a comma"\n')


def run(command, env=None):
    """Runs, and gives what it printed, its seconds and its peak of memory in MB."""
    begun = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=env)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    return out, time.monotonic() - begun, usage.ru_maxrss / 1024


def main():
    options = argparse.ArgumentParser()
    options.add_argument("countersign")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--peer-rows", type=int, default=50_000)
    options.add_argument("--peer", default="python3")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        folder = pathlib.Path(folder)
        big, small, data = folder / "big.csv", folder / "small.csv", folder / "data"
        make(big, args.rows)
        make(small, args.peer_rows)
        env = {"PATH": os.environ["PATH"], "COUNTERSIGN_PUBLIC_URL": "http://127.0.0.1:1", "COUNTERSIGN_DATA": str(data)}
        idle = run([args.countersign, "version"], env)[2]
        rate = {}
        out, seconds, peak = run([args.countersign, "contacts", "import", str(big), "--list", "Bench", "--region", "US", "--dry-run", "--json"], env)
        seen = json.loads(out)
        rate["dry run"] = (seen["rows"] / seconds, peak - idle)
        run([args.countersign, "keys", "generate"], env)
        out, seconds, peak = run([args.countersign, "contacts", "import", str(big), "--list", "Bench", "--region", "US", "--json"], env)
        done = json.loads(out)
        rate["import"] = (done["rows"] / seconds, peak - idle)
        out, _, _ = run([args.peer, str(HERE / "peers" / "contacts.py"), str(small), str(folder / "peer.db"), "US"])
        peer = json.loads(out)
        rate["peer"] = (peer["rows"] / peer["seconds"], None)
        for name, (rows, memory) in rate.items():
            print(f"{name:8} {rows:12,.0f} rows/s  {'' if memory is None else f'{memory:8.1f} MB above idle'}")
        print(f"import to peer: {rate['import'][0] / rate['peer'][0]:.1f} times (goal 5)")


if __name__ == "__main__":
    main()
