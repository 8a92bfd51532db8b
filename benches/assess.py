#!/usr/bin/env python3
"""Measures assessments and seals and prints one table, figures as ratios where there is something to compare with.

    assess.py COUNTERSIGN [--files N]

COUNTERSIGN is the release. The whole page of an assessment and its score are asked for again and again, beside a page that does
nothing; N files just below the limit of uploads (eleven unless told, a gigabyte) are uploaded, linked, sealed and downloaded as an
archive, whose rate is compared with that of `sha256sum` over as many bytes, and whose memory with that of the server before it.
All data lies in a temporary folder (BENCH_DIR). Exit status: 0 every goal was met, 1 one was missed, 2 nothing could be measured.
"""

import argparse
import contextlib
import gzip
import html
import http.client
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile
import time

import run as common

ROUNDS = 40
PAGE_MS_MAX, PAGE_BYTES_MAX, MEMORY_KIB_MAX = 100, 60 * 1024, 32 * 1024
RATE_MIN = 0.6  # of `sha256sum`: the archive is hashed, summed for the ZIP and sent


class Bench:
    """What `run.Server` wants to know."""

    def __init__(self, server, work):
        self.server, self.work, self.started, self.table = server, work, [], common.Table()


def found(browser, path, pattern):
    """The first group of a pattern in a page."""
    _, _, page = browser.ask("GET", path)
    match = re.search(pattern, html.unescape(page.decode()))
    if not match:
        raise common.CannotRun(f"{path} has nothing of the form {pattern}")
    return match.group(1)


def asked(browser, path):
    """Milliseconds of the median answer, and the page."""
    took = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        status, _, page = browser.ask("GET", path)
        took.append((time.monotonic() - began) * 1000)
        if status != 200:
            raise common.CannotRun(f"GET {path} answered {status}")
    return statistics.median(took), page


def post(browser, path, fields):
    """A form of a page, with the token of the page it is on."""
    _, _, page = browser.ask("GET", "/account")
    status, location, body = browser.ask("POST", path, {**fields, "csrf_token": common.form_token(page)})
    if status != 303:
        raise common.CannotRun(f"POST {path} answered {status}: {re.sub(rb'<[^>]+>', b' ', body)[-300:].decode(errors='replace')}")
    return location


def pages(bench, browser, desk):
    idle, _ = asked(browser, "/healthz")
    for name, path in (("whole assessment", desk), ("its score", f"{desk}/score"), ("its security plan", f"{desk}/ssp")):
        took, page = asked(browser, path)
        packed = len(gzip.compress(page, 6))
        met = None if path.endswith("/ssp") else took - idle < PAGE_MS_MAX and packed <= PAGE_BYTES_MAX
        bench.table.add(name, f"{took - idle:.1f} ms beyond an idle answer; {len(page):,} bytes, {packed:,} packed", f"< {PAGE_MS_MAX} ms, <= {PAGE_BYTES_MAX:,} bytes packed", met)


def scored(bench, work):
    """The program that only scores, against the program that does nothing."""
    statuses = work / "statuses.json"
    catalog = json.loads(common.run(bench.server, "catalog", "show", "nist-800-171-r2", "--json"))
    statuses.write_text(json.dumps({r["id"]: "met" for f in catalog["families"] for r in f["requirements"]}))

    def took(*words):
        times = []
        for _ in range(10):
            began = time.monotonic()
            common.run(bench.server, *words)
            times.append((time.monotonic() - began) * 1000)
        return min(times)

    score = took("assess", "score", statuses, "--json") - took("version", "--json")
    bench.table.add("110 requirements scored, program started for it", f"{score:.1f} ms beyond a program that does nothing", "< 5 ms", score < 5)


def sealed(bench, server, officer, desk, files, work):
    token, path = server.person("contributor")["api_token"], work / "evidence.pdf"
    with open(path, "wb") as file:
        file.write(b"%PDF-1.7\n")
        while file.tell() < common.UPLOAD_BYTES - 6:
            file.write(os.urandom(min(1 << 20, common.UPLOAD_BYTES - 6 - file.tell())))
        file.write(b"%%EOF\n")
    staff = common.Browser(server.port, "10.0.0.7")
    staff.sign_in(server.person("contributor"))
    for n in range(files):
        with open(path, "r+b") as file:  # another file each time
            file.seek(1000)
            file.write(os.urandom(16))
        common.send_file(server.port, token, path, f"sealed-{n}.pdf")
        evidence = found(staff, "/evidence", r"/evidence/(evd_[0-9a-f]{32})")
        post(staff, f"{desk}/objectives/3.4.4/link", {"evidence": evidence, "method": "examine"})
    began = time.monotonic()
    common.run("sha256sum", *([path] * files), timeout=300)
    yardstick = files * common.UPLOAD_BYTES / (time.monotonic() - began)
    day = found(officer, f"{desk}/seal", r'name="status_date"[^>]*value="([^"]+)"')
    began = time.monotonic()
    seal = post(officer, f"{desk}/seal", {"status_date": day})
    bench.table.add(f"sealing {files} files", f"{time.monotonic() - began:.2f} s")
    pid = server.process.pid
    before = common.memory_kib(pid, "VmRSS")
    with contextlib.suppress(OSError):  # from here on VmHWM is the peak of this archive
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    began, got = time.monotonic(), 0
    connection.request("GET", f"{seal}/archive", headers={**officer.headers, "Cookie": officer.cookie()})
    answer = connection.getresponse()
    if answer.status != 200:
        raise common.CannotRun(f"GET {seal}/archive answered {answer.status}")
    while chunk := answer.read(1 << 20):
        got += len(chunk)
    rate, grown = got / (time.monotonic() - began), common.memory_kib(pid, "VmHWM") - before
    bench.table.add(f"archive of {got / 1e6:,.0f} MB", f"{rate / yardstick:.2f} of sha256sum's {yardstick / 1e6:,.0f} MB/s", f">= {RATE_MIN}", rate / yardstick >= RATE_MIN)
    bench.table.add("memory while it leaves", f"+{grown / 1024:.1f} MiB", f"< {MEMORY_KIB_MAX // 1024} MiB", grown < MEMORY_KIB_MAX)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("countersign")
    options.add_argument("--files", type=int, default=11)
    args = options.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        bench = Bench(os.path.abspath(args.countersign), pathlib.Path(folder))
        try:
            server = common.Server(bench, "demo")
            officer = common.Browser(server.port, "10.0.0.8")
            officer.sign_in(server.person("compliance"))
            desk = found(officer, "/assess", r"(/assess/asm_[0-9a-f]{32})")
            pages(bench, officer, desk)
            scored(bench, bench.work)
            sealed(bench, server, officer, desk, args.files, bench.work)
        except common.CannotRun as why:
            print(f"cannot be measured: {why}", file=sys.stderr)
            return 2
        finally:
            for process in bench.started:
                process.stop()
        bench.table.print()
        return int(any(row["met"] is False for row in bench.table.rows))


if __name__ == "__main__":
    sys.exit(main())
