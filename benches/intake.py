#!/usr/bin/env python3
"""Measures intakes and prints a table: the export of records, its memory, a paced conversation, the rotation of keys.

    intake.py PROGRAM [--records N] [--peer-records N] [--peer PYTHON]

PROGRAM is the built bench (`cargo bench --bench intake --no-run` says where). It makes N records (a hundred thousand unless
told) in a temporary folder. The peer is `peers/fernet.py`, run by PYTHON, which must have `cryptography`; only its rate is wanted.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def run(command):
    return json.loads(subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE).stdout)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("program")
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--peer-records", type=int, default=20_000)
    options.add_argument("--peer", default="python3")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        here = run([args.program, folder, args.records])
        peer = run([args.peer, HERE / "peers" / "fernet.py", args.peer_records, pathlib.Path(folder) / "peer.csv"])
    rate = here["records"] / here["export_s"]
    times = rate / (peer["rows"] / peer["seconds"])
    share = 100 * here["alone_s"] / here["export_s"]
    rows = [
        ("export", f"{rate:,.0f} records/s", "", None),
        ("to the peer", f"{times:.1f} times", ">= 8", times >= 8),
        ("of opening and writing alone", f"{share:.0f} %", ">= 50 %", share >= 50),
        ("memory of the export", f"{here['memory_mb']:.1f} MB", "< 64 MB", here["memory_mb"] < 64),
        ("step, p99 at 100/s", f"{here['step_p99_ms']:.1f} ms", "< 50 ms", here["step_p99_ms"] < 50),
        (f"rotation of {here['keys']:,} keys", f"{here['rotation_s']:.1f} s", "< 30 s", here["rotation_s"] < 30),
        ("step meanwhile, p99", f"{here['step_p99_rotating_ms']:.1f} ms", "", None),
    ]
    for what, figure, goal, met in rows:
        print(f"{what:32} {figure:20} {goal:10} {'' if met is None else 'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
