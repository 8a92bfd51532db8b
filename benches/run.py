#!/usr/bin/env python3
"""Measures Countersign on this machine and prints one table: what was measured, what it is compared with, the goal.

    run.py [--server BINARY] [--only STEP,STEP] [--json FILE] [--strict] [--cold-build]

Without --server it builds the release first. All load goes to 127.0.0.1; all data lies in a temporary folder. Servers
that are compared run side by side and are asked in turn, so that a busy moment of the machine hits all of them. After
the build a run takes about two and a half minutes, and ten more for the long trail; it never starts a step after ten. A step that cannot run says why
and the others go on. Exit status: 0 measured, 1 with --strict when a goal was missed or a step could not run, 2 when
there was nothing to measure.

CARGO_TARGET_DIR           where the programs are built (target/ unless set)
BENCH_SERVER_ENV           more settings for the server, `NAME=value NAME=value`
BENCH_POSTGRES_URL_FILE    a file with the address of an empty PostgreSQL database, for the acts on PostgreSQL
BENCH_POSTGRES_KEYS_URL_FILE  another, for the data keys; needed with the first for the long trail
BENCH_FULL                 ten million entries in the long trail instead of one
BENCH_DIR                  where the data lies, for another disk (the system's temporary folder unless set)
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import html
import http.client
import json
import os
import re
import resource
import secrets
import shutil
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target"))
LOAD = TARGET / "release" / "countersign-bench-load"
HELLO = TARGET / "release" / "countersign-bench-hello"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "countersign"
RUN_SECS_MAX = 600
SYNC_DELAY_US = 4000
UPLOAD_BYTES = 99_900_000  # just below the limit of policies/uploads.toml
NUMBER = "+4915112345678"


class CannotRun(Exception):
    """Why a step has no figure."""


# ---------------------------------------------------------------- the table


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, figure, goal="", met=None):
        """met: True, False, or None where there is no goal."""
        self.rows.append({"what": what, "figure": figure, "goal": goal, "met": met})
        print(f"  {what}: {figure}", file=sys.stderr, flush=True)

    def print(self):
        head = {"what": "measured", "figure": "here", "goal": "goal"}
        width = {key: max(len(row[key]) for row in [head, *self.rows]) for key in head}
        line = "  ".join("{%s:<%d}" % (key, width[key]) for key in head)
        print(line.format(**head))
        print("  ".join("-" * width[key] for key in head))
        for row in self.rows:
            verdict = {True: "met", False: "MISSED", None: ""}[row["met"]]
            print((line.format(**row) + "  " + verdict).rstrip())


# ---------------------------------------------------------------- programs under examination


def run(*command, timeout=60, **options):
    """Runs a program to its end; its output, or CannotRun with the last line it said."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, **options)
    except FileNotFoundError:
        raise CannotRun(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise CannotRun(f"{Path(command[0]).name} took more than {timeout} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        raise CannotRun(f"`{Path(command[0]).name} {' '.join(map(str, command[1:3]))}` exited with {done.returncode}: {said[-1]}")
    return done.stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A server started by this run; stopped by its process id."""

    def __init__(self, command, log, env=None, stdout=subprocess.DEVNULL, cwd=None):
        self.log = log
        self.began = time.monotonic()
        with open(log, "ab") as errors:
            self.popen = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors, env=env, cwd=cwd)

    @property
    def pid(self):
        return self.popen.pid

    def said(self):
        lines = Path(self.log).read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "nothing"

    def await_200(self, port, path, secs=20):
        """Milliseconds from the start of the process to the first 200."""
        while time.monotonic() - self.began < secs:
            if self.popen.poll() is not None:
                raise CannotRun(f"{Path(self.popen.args[0]).name} ended with {self.popen.returncode}: {self.said()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                connection.request("GET", path)
                status = connection.getresponse().status
                connection.close()
                if status == 200:
                    return (time.monotonic() - self.began) * 1000
            time.sleep(0.002)
        raise CannotRun(f"no 200 from {path} within {secs} s: {self.said()}")

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        if self.popen.stdout:
            self.popen.stdout.close()


def first_line(process, secs):
    """The first line a process prints; the rest is read and dropped, so that it never blocks."""
    lines, arrived = [], threading.Event()

    def read():
        for line in process.popen.stdout:
            if not lines:
                lines.append(line)
                arrived.set()
        arrived.set()

    threading.Thread(target=read, daemon=True).start()
    arrived.wait(secs)
    if not lines:
        process.stop()
        if process.popen.returncode:
            raise CannotRun(f"it ended with {process.popen.returncode}: {process.said()}")
        raise CannotRun(f"the server said nothing within {secs} s; its log: {process.said()}")
    return lines[0]


def memory_kib(pid, field):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise CannotRun(f"/proc/{pid}/status has no {field}")


class Server:
    """`countersign demo` with limits on requests lifted, so that the program is measured and not its throttle."""

    def __init__(self, bench, name, env=None, data=None):
        self.folder = bench.work / name
        self.folder.mkdir()
        log = self.folder / "log"
        # A loopback proxy is trusted, so that sign-ins can come from many addresses.
        settings = {"COUNTERSIGN_TRUSTED_PROXIES": "127.0.0.1/32"}
        settings.update(word.split("=", 1) for word in os.environ.get("BENCH_SERVER_ENV", "").split())
        settings.update(env or {})
        policies = lifted_policies(bench.work)
        self.missing = ""
        why = None
        attempts = [(["--policies", policies], settings, "")] if policies else []
        attempts += [([], settings, "limits on requests could not be lifted"), ([], env or {}, "limits could not be lifted, no proxy is trusted")]
        for number, (flags, variables, missing) in enumerate(attempts):
            port = free_port()
            where = data or self.folder / f"data{number}"
            command = [bench.server, "demo", "--json", "--listen", f"127.0.0.1:{port}", "--data", where, *flags]
            self.process = Process(command, log, env={**os.environ, **variables}, stdout=subprocess.PIPE)
            bench.started.append(self.process)
            try:
                self.facts = json.loads(first_line(self.process, 60))
                self.process.await_200(port, "/healthz", 60)
            except (CannotRun, ValueError) as error:
                why = why or error
                self.process.stop()
                continue
            self.url, self.port, self.missing = self.facts["url"], port, missing
            return
        raise CannotRun(f"`countersign demo` does not start: {why}")

    def person(self, role):
        for person in self.facts["people"]:
            if person["role"] == role:
                return person
        raise CannotRun(f"the demo has nobody with the role {role}")

    def stop(self):
        self.process.stop()


def lifted_policies(work):
    source, copy = TOP / "policies", work / "policies"
    if not copy.exists():
        if not source.is_dir():
            return None
        shutil.copytree(source, copy)
        for path in copy.glob("*.toml"):
            text = path.read_text()
            path.write_text(re.sub(r"(?m)^((?:address|person|token)_(?:per_minute|burst)\s*=\s*)[\d_]+", r"\g<1>10000000", text))
    return copy


# ---------------------------------------------------------------- speaking to them


def request(port, method, path, headers=None, body=None, timeout=20):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def form_token(page):
    tag = re.search(rb"<input[^>]*\bname=[\"']?csrf_token[^>]*>", page)
    value = tag and re.search(rb"\bvalue=[\"']?([^\"'\s>]+)", tag.group())
    if not value:
        raise CannotRun("the page has no csrf_token field")
    return html.unescape(value.group(1).decode())


class Browser:
    """As much of one as signing in needs: cookies and forms."""

    def __init__(self, port, address=None):
        self.port, self.cookies = port, {}
        self.headers = {"X-Forwarded-For": address} if address else {}

    def cookie(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, method, path, form=None):
        headers = dict(self.headers)
        if self.cookies:
            headers["Cookie"] = self.cookie()
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        status, answered, page = request(self.port, method, path, headers, body)
        for line in answered.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            if value:
                self.cookies[name.strip()] = value.strip()
            else:
                self.cookies.pop(name.strip(), None)
        return status, answered.get("Location", ""), page

    def password(self, person):
        _, _, page = self.ask("GET", "/login")
        return self.ask("POST", "/login", {"username": person["username"], "password": person["password"], "csrf_token": form_token(page)})

    def sign_in(self, person):
        status, location, _ = self.password(person)
        if status != 303 or not location.endswith("/login/totp"):
            raise CannotRun(f"POST /login answered {status} to `{location}`")
        for attempt in range(2):
            _, _, page = self.ask("GET", "/login/totp")
            status, location, _ = self.ask("POST", "/login/totp", {"code": totp(person["totp_secret"]), "csrf_token": form_token(page)})
            if status == 303:
                return
            if attempt == 0:  # this step's code was used already: the next step has another
                time.sleep(30.5 - time.time() % 30)
        raise CannotRun(f"POST /login/totp answered {status}")


def totp(secret, at=None):
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at if at is not None else time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def load(*words):
    answer = json.loads(run(LOAD, *words, "--json", timeout=120))
    if answer["errors"] > answer["requests"] / 100:
        raise CannotRun(f"{answer['errors']} of {answer['requests']} requests were not answered")
    return answer


def bench_program(name):
    """A program of `benches/`, built when it is asked for."""
    said = run("cargo", "bench", "--no-run", "--bench", name, "--message-format", "json", timeout=3600, cwd=TOP, env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})
    for line in said.splitlines():
        made = json.loads(line)
        if made.get("executable") and made.get("target", {}).get("name") == name:
            return made["executable"]
    raise CannotRun(f"`cargo bench --bench {name}` built nothing")


def log_size(server):
    """Entries that the newest signed checkpoint covers."""
    status, _, note = request(server.port, "GET", "/log/checkpoint")
    if status != 200:
        raise CannotRun(f"GET /log/checkpoint answered {status}")
    return int(note.split(b"\n")[1])


def must_be_ok(answer, what):
    refused = {status: count for status, count in answer["statuses"].items() if not status.startswith("2")}
    if refused and answer["ok"] < answer["requests"] / 2:
        raise CannotRun(f"{what} was mostly refused: {refused}")
    return f", refused {refused}" if refused else ""


# ---------------------------------------------------------------- the steps


class Bench:
    def __init__(self, args, work):
        self.args, self.work, self.table = args, work, Table()
        self.server = args.server
        self.started = []
        self.shared = {}
        self.began = time.monotonic()

    def once(self, name, make):
        """Made by the first step that needs it; if that failed, the reason is the same for the others."""
        if name not in self.shared:
            try:
                self.shared[name] = make()
            except CannotRun as why:
                self.shared[name] = why
        if isinstance(self.shared[name], CannotRun):
            raise self.shared[name]
        return self.shared[name]

    def demo(self):
        return self.once("demo", lambda: Server(self, "demo"))

    def shim(self):
        def make():
            library = self.work / "slow_sync.so"
            run("cc", "-O2", "-shared", "-fPIC", "-o", library, HERE / "slow_sync.c", "-ldl", "-pthread")
            return library

        return self.once("shim", make)

    def cookie(self):
        def make():
            browser = Browser(self.demo().port)
            browser.sign_in(self.demo().person("admin"))
            status, _, page = browser.ask("GET", "/")
            if status != 200:
                raise CannotRun(f"the home page answered {status} after signing in")
            self.table.add("home page, ours", f"{len(page):,} bytes")
            return browser.cookie()

        return self.once("cookie", make)

    def flask(self):
        """The peer's address and cookie; its packages lie in a cache outside the clone, checked by their hashes."""

        def make():
            wanted = HERE / "peers" / "requirements.txt"
            digest = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:16]
            home = CACHE / f"bench-flask-{digest}"
            python = home / "bin" / "python"
            if not (home / "complete").exists():
                shutil.rmtree(home, ignore_errors=True)
                run(sys.executable, "-m", "venv", home, timeout=120)
                run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", wanted, timeout=180)
                (home / "complete").touch()
            database = self.work / "flask.db"
            quiet = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
            seeded = json.loads(run(python, HERE / "peers" / "flask_home.py", "seed", database, env=quiet))
            port = free_port()
            # The fastest of the usual settings on two cores: two processes with two threads, connections kept alive.
            command = [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "2",
                       "--threads", "2", "--no-control-socket", "--log-level", "error", "flask_home:app"]
            process = Process(command, self.work / "flask.log", env={**quiet, "BENCH_PEER_DATABASE": str(database)}, cwd=HERE / "peers")
            self.started.append(process)
            until = time.monotonic() + 20
            while time.monotonic() < until:
                with contextlib.suppress(OSError):
                    status, _, page = request(port, "GET", "/", {"Cookie": seeded["cookie"]})
                    if status == 200:
                        self.table.add("home page, the Flask peer's", f"{len(page):,} bytes")
                        return f"http://127.0.0.1:{port}/", seeded["cookie"]
                time.sleep(0.1)
            raise CannotRun(f"the Flask peer does not answer: {process.said()}")

        return self.once("flask", make)

    def hello(self):
        def make():
            if not HELLO.exists():
                raise CannotRun("the axum hello is not built")
            process = Process([HELLO], self.work / "hello.log", stdout=subprocess.PIPE)
            self.started.append(process)
            return json.loads(first_line(process, 10))["url"] + "/"

        return self.once("hello", make)

    # -- what the machine gives

    def disk(self):
        path = self.work / "fsync"
        with open(path, "wb") as file:
            count, until = 0, time.monotonic() + 2
            while time.monotonic() < until:
                file.write(b"x" * 4096)
                file.flush()
                os.fdatasync(file.fileno())
                count += 1
        path.unlink()
        self.table.add("disk: 4 KiB written and synced", f"{count / 2:,.0f} per s ({2000 / count:.2f} ms each)")

    def commits(self):
        """One insert and COMMIT at a time, as bare as SQLite does it; with and without the slow disk."""
        for name, slow in (("here", False), (f"with {SYNC_DELAY_US / 1000:.0f} ms a sync", True)):
            env = dict(os.environ)
            if slow:
                env.update(LD_PRELOAD=str(self.shim()), COUNTERSIGN_SYNC_DELAY_US=str(SYNC_DELAY_US))
            said = run(sys.executable, __file__, "--commit-loop", self.work / f"commits-{slow}.db", env=env)
            self.shared[f"commits-{slow}"] = float(said)
            self.table.add(f"insert + COMMIT, one at a time, bare SQLite, {name}", f"{float(said):,.0f} per s")

    # -- the binary

    def binary(self):
        size = os.path.getsize(self.server) / 1e6
        self.table.add("binary", f"{size:.1f} MB", "<= 30 MB", size <= 30)

    def start(self):
        """`serve` on a folder of its own: start to first 200, and memory once it is idle."""
        data = self.work / "serve"
        port = free_port()
        env = {**os.environ, "COUNTERSIGN_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        how = "serve"
        try:
            run(self.server, "keys", "generate", "--data", data, env=env)
            run(self.server, "migrate", "--data", data, env=env)
            command = [self.server, "serve", "--listen", f"127.0.0.1:{port}", "--data", data]
            times = []
            for _ in range(5):
                process = Process(command, self.work / "serve.log", env=env)
                self.started.append(process)
                times.append(process.await_200(port, "/readyz"))
                if len(times) < 5:
                    process.stop()
        except CannotRun as why:
            how = f"demo, as serve does not: {why}"
            process = self.demo().process
            times = []
        if times:
            middle = statistics.median(times)
            self.table.add("start to first 200, median of 5", f"{middle:.0f} ms", "< 300 ms", middle < 300)
        else:
            self.table.add("start to first 200", f"not measured ({how})", "< 300 ms", False)
        time.sleep(3)
        resident = memory_kib(process.pid, "VmRSS") / 1024
        if times:
            process.stop()
        self.table.add(f"resident memory when idle ({how.split(',')[0]})", f"{resident:.1f} MB", "<= 40 MB", resident <= 40)

    # -- the home page

    def home(self):
        contestants = {"hello": (self.hello(), []), "ours": (self.demo().url + "/", ["--header", f"Cookie: {self.cookie()}"])}
        with contextlib.suppress(CannotRun):
            url, cookie = self.flask()
            contestants["flask"] = (url, ["--header", f"Cookie: {cookie}"])
        rates = {name: [] for name in contestants}
        note = ""
        for _ in range(3):
            for name, (url, words) in contestants.items():
                answer = load("closed", "--clients", 16, "--warmup", 1, "--seconds", 3, "--url", url, *words)
                if name == "ours":
                    note = must_be_ok(answer, "the home page") or note
                rates[name].append(answer["ok_per_second"])
        middle = {name: statistics.median(values) for name, values in rates.items()}
        ours = middle["ours"]
        self.shared["home rate"] = ours
        self.table.add("home page, signed in", f"{ours:,.0f} per s{note}" + (f" ({self.demo().missing})" if self.demo().missing else ""))
        self.table.add("bare axum hello", f"{middle['hello']:,.0f} per s")
        share = ours / middle["hello"]
        self.table.add("home page : bare axum hello", f"{share:.0%}", "aim 20 %", share >= 0.20)
        if "flask" in middle:
            self.table.add("home page in Flask + sqlite3 + gunicorn", f"{middle['flask']:,.0f} per s")
            ratio = ours / middle["flask"]
            self.table.add("home page : Flask", f"{ratio:.1f} x", ">= 15 x", ratio >= 15)
        else:
            self.table.add("home page : Flask", f"not measured ({self.shared['flask']})", ">= 15 x", False)

    def latency(self):
        rate = self.half_rate()
        answer = self.open_loop(rate)
        p99 = answer["p99_us"] / 1000
        self.shared["home p99"] = p99
        self.table.add(f"home page, p99 at {rate:,} per s (half its best), open loop", f"{p99:.1f} ms", "< 20 ms", p99 < 20)

    def half_rate(self):
        if "home rate" not in self.shared:
            raise CannotRun("the best rate of the home page is not known")
        return max(1, int(self.shared["home rate"] / 2))

    def open_loop(self, rate):
        answer = load("open", "--rate", rate, "--warmup", 1, "--seconds", 8, "--url", self.demo().url + "/", "--header", f"Cookie: {self.cookie()}")
        must_be_ok(answer, "the home page")
        return answer

    def storm(self):
        """The same while 50 sign-ins a second arrive from 50 addresses."""
        rate = self.half_rate()
        if "home p99" not in self.shared:
            raise CannotRun("the p99 without sign-ins is not known")
        people, port = self.demo().facts["people"], self.demo().port
        counts, lock, seconds = {}, threading.Lock(), 9
        began = time.monotonic() + 0.2

        def sign_in(n):
            time.sleep(max(0, began + n / 50 - time.monotonic()))
            try:
                status, location, _ = Browser(port, f"203.0.113.{n % 50 + 1}").password(people[n % len(people)])
                said = "accepted" if status == 303 and location.endswith("/login/totp") else str(status)
            except (OSError, http.client.HTTPException, CannotRun) as why:
                said = type(why).__name__
            with lock:
                counts[said] = counts.get(said, 0) + 1

        with ThreadPoolExecutor(64) as pool:
            waiting = [pool.submit(sign_in, n) for n in range(50 * seconds)]
            answer = self.open_loop(rate)
            for one in waiting:
                one.result()
        took = time.monotonic() - began
        p99, limit = answer["p99_us"] / 1000, 3 * self.shared["home p99"]
        self.table.add("the same p99 while 50 sign-ins per s arrive", f"{p99:.1f} ms", f"< 3 x = {limit:.1f} ms", p99 < limit)
        accepted = counts.pop("accepted", 0)
        self.table.add("sign-ins accepted meanwhile", f"{accepted / took:.1f} per s, hashed {accepted}, others {counts or 'none'}", ">= 10 per s", accepted / took >= 10)

    # -- audited acts

    def message_words(self, server, clients, seconds=4):
        token = server.person("messaging")["api_token"]
        body = json.dumps({"to": NUMBER, "text": f"Measured message {secrets.token_hex(4)} {{n}}"})
        return ["closed", "--clients", clients, "--warmup", 1, "--seconds", seconds, "--url", server.url + "/api/v1/messages",
                "--header", f"Authorization: Bearer {token}", "--header", "Content-Type: application/json", "--body", body]

    def acts_at(self, server, clients, seconds=4):
        """Audited acts per second. A message that is asked for makes more than one: accepting it, the attempt and its
        result are each an act with an entry and a transaction of its own. Counted are the entries that a signed
        checkpoint covers when the load ends, which is up to a second late, so it is rather too few than too many."""
        before, began = log_size(server), time.monotonic()
        answer = load(*self.message_words(server, clients, seconds))
        rate = (log_size(server) - before) / (time.monotonic() - began)
        note = must_be_ok(answer, "POST /api/v1/messages")
        said = f"{rate:,.0f} per s; {answer['ok_per_second']:,.0f} of them asked for over HTTP, p99 {answer['p99_us'] / 1000:.1f} ms{note}"
        return rate, said, answer

    def acts(self):
        server = self.demo()
        one, said, _ = self.acts_at(server, 1)
        bare = self.shared.get("commits-False")
        if bare:
            self.table.add("audited acts, 1 client", f"{said} = {one / bare:.0%} of insert + COMMIT", ">= 80 %", one / bare >= 0.8)
        else:
            self.table.add("audited acts, 1 client", said)
        _, said, _ = self.acts_at(server, 32)
        self.table.add("audited acts, 32 clients", said)

    def slow_acts(self):
        counts = self.work / "syncs"
        server = Server(self, "slow", {"LD_PRELOAD": str(self.shim()), "COUNTERSIGN_SYNC_DELAY_US": str(SYNC_DELAY_US), "COUNTERSIGN_SYNC_COUNT_FILE": str(counts)})
        try:
            if not read_counts(counts):
                raise CannotRun("the shim counted nothing: the server is linked statically, or set its own limits on LD_PRELOAD")
            disk = f"{SYNC_DELAY_US / 1000:.0f} ms a sync"
            one, said, _ = self.acts_at(server, 1)
            bare = self.shared.get("commits-True")
            if bare:
                self.table.add(f"audited acts, 1 client, {disk}", f"{said} = {one / bare:.0%} of insert + COMMIT", ">= 80 %", one / bare >= 0.8)
            else:
                self.table.add(f"audited acts, 1 client, {disk}", said)
            before = read_counts(counts)
            rate, said, answer = self.acts_at(server, 32, 6)
            after = read_counts(counts)
            self.table.add(f"audited acts, 32 clients, {disk}", said, ">= 1,000 per s", rate >= 1000)
            synced = {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}
            logs = {name: count for name, count in synced.items() if name.endswith("-wal")}
            # The acts of the warm-up second synced too, at the same rate.
            acts = rate * (answer["seconds"] + 1)
            if logs:
                # Each COMMIT syncs the write-ahead log once; another database of the server has a log of its own.
                name, commits = max(logs.items(), key=lambda item: item[1])
                per = acts / commits
                self.table.add(f"acts per COMMIT, 32 clients, {disk}", f"{per:.1f} (syncs of {name})", ">= 8", per >= 8)
            self.table.add("syncs meanwhile, by file", ", ".join(f"{name} {count}" for name, count in sorted(synced.items(), key=lambda item: -item[1])[:5]) or "none")
        finally:
            server.stop()

    def postgres(self):
        url_file = os.environ.get("BENCH_POSTGRES_URL_FILE")
        if not url_file:
            raise CannotRun("BENCH_POSTGRES_URL_FILE names no database")
        server = Server(self, "postgres", {"COUNTERSIGN_DATABASE_URL_FILE": url_file})
        try:
            rate, said, _ = self.acts_at(server, 32)
            self.table.add("audited acts, 32 clients, PostgreSQL", said, ">= 1,000 per s", rate >= 1000)
        finally:
            server.stop()

    # -- the trail when it is long

    def trail(self):
        """The cost of an entry in a short and in a long log, and pages of the trail over the long one, on each database."""
        entries = 10_000_000 if os.environ.get("BENCH_FULL") else 1_000_000
        for database in ("SQLite", "PostgreSQL"):
            try:
                self.long_trail(database, entries)
            except CannotRun as why:
                self.table.add(f"long trail, {database}", f"not measured: {why}", "", None if database == "PostgreSQL" else False)

    def long_trail(self, database, entries):
        env, files = {}, []
        if database == "PostgreSQL":
            for variable, key in (("COUNTERSIGN_DATABASE_URL_FILE", "BENCH_POSTGRES_URL_FILE"), ("COUNTERSIGN_DATABASE_KEYS_URL_FILE", "BENCH_POSTGRES_KEYS_URL_FILE")):
                if not os.environ.get(key):
                    raise CannotRun(f"{key} names no database")
                env[variable] = os.environ[key]
                files.append(os.environ[key])
        name = f"long-{database}"
        server = Server(self, name, env)
        data = server.facts["data"]
        server.stop()
        program = bench_program("trail")
        said = json.loads(run(program, data, entries, *files, timeout=3600))
        ratio = said["last_us"] / said["first_us"]
        self.table.add(f"an entry more at {entries:,} entries : at 20 thousand, {database}", f"{said['last_us']:.0f} us : {said['first_us']:.0f} us = {ratio:.2f}", "<= 1.2", ratio <= 1.2)
        server = Server(self, name + "-again", env, data=data)
        try:
            self.pages(server, database, entries)
        finally:
            server.stop()

    def pages(self, server, database, entries):
        browser = Browser(server.port)
        browser.sign_in(server.person("compliance"))
        size = log_size(server)
        status, _, page = browser.ask("GET", "/audit?action=policy.read")
        if status != 200:
            raise CannotRun(f"/audit answered {status}")
        person = re.search(rb"usr_[0-9a-z]+", page)
        filters = {
            "all": "",
            "a common act": "action=trail.read",
            "a rare act": "action=policy.read",
            "an act that never was": "action=backup.create",
            "failed": "outcome=failed",
            "one address": "address=198.51.100.7",
            "one address and a rare act": "address=198.51.100.0&action=policy.read",
            "one day": "from=" + time.strftime("%Y-%m-%d", time.gmtime()),
            "a range of entries": f"first={size // 3}&last={size // 3 + 5000}",
        }
        if person:
            filters["one person"] = "actor=" + person.group().decode()
        cursors = {}
        for depth in (0.999, 0.5, 0.001):
            _, _, page = browser.ask("GET", f"/audit?last={int(size * depth)}")
            older = re.search(rb"after=(evt_[0-9a-z]+)", page)
            if not older:
                raise CannotRun("a full page of /audit leads to no older one")
            cursors[depth] = older.group(1).decode()
        worst, which = 0, ""
        for label, words in filters.items():
            for depth in cursors:
                times = []
                path = f"/audit?{words}&after={cursors[depth]}".replace("?&", "?")
                for _ in range(40):
                    began = time.perf_counter()
                    status, _, _ = browser.ask("GET", path)
                    times.append((time.perf_counter() - began) * 1000)
                    if status != 200:
                        raise CannotRun(f"{path} answered {status}")
                p95 = statistics.quantiles(times, n=20)[-1]
                if p95 > worst:
                    worst, which = p95, f"{label}, at {depth:.1%} of the log"
        self.table.add(f"/audit, worst p95 of {len(filters) * 3} filters and depths, {entries:,} entries, {database}", f"{worst:.1f} ms ({which})", "< 50 ms", worst < 50)
        times = []
        for n in range(100):
            began = time.perf_counter()
            status, _, _ = browser.ask("GET", f"/audit/{(size - 1) * n // 100}/proof")
            times.append((time.perf_counter() - began) * 1000)
            if status != 200:
                raise CannotRun(f"a proof answered {status}")
        p95 = statistics.quantiles(times, n=20)[-1]
        self.table.add(f"proof of one entry of {entries:,} over HTTP, p95, {database}", f"{p95:.1f} ms", "< 5 ms", p95 < 5)

    # -- an upload

    def upload(self):
        server = self.demo()
        token = server.person("contributor")["api_token"]
        path, copy = self.work / "upload.pdf", self.work / "copy.pdf"
        with open(path, "wb") as file:
            file.write(b"%PDF-1.7\n")
            while file.tell() < UPLOAD_BYTES - 6:
                file.write(os.urandom(min(1 << 20, UPLOAD_BYTES - 6 - file.tell())))
            file.write(b"%%EOF\n")
        yardstick, uploads, growth = [], [], []
        for n in range(3):
            with open(path, "r+b") as file:  # another file each time, or the second would be known by its digest
                file.seek(1000)
                file.write(os.urandom(16))
            began = time.monotonic()
            run("sha256sum", path)
            run("cp", path, copy)
            yardstick.append(time.monotonic() - began)
            copy.unlink()
            rss = memory_kib(server.process.pid, "VmRSS")
            with contextlib.suppress(OSError):  # from here on VmHWM is the peak of this upload
                Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
            uploads.append(send_file(server.port, token, path, f"measured-{n}.pdf"))
            growth.append((memory_kib(server.process.pid, "VmHWM") - rss) / 1024)
        ratio = statistics.median(yardstick) / statistics.median(uploads)
        self.table.add("100 MB upload", f"{statistics.median(uploads):.2f} s; sha256sum + cp {statistics.median(yardstick):.2f} s")
        self.table.add("100 MB upload : sha256sum + cp", f"{ratio:.0%}", ">= 60 %", ratio >= 0.6)
        self.table.add("resident memory growth by an upload, worst of 3", f"{max(growth):.1f} MB", "< 16 MB", max(growth) < 16)

    def verify(self):
        """A million entries verified, against hashing their bytes and the nodes of the tree by the same build, on one core; the
        processor's time counts, so that a busy machine does not change the ratio."""
        measure, export = TARGET / "release" / "examples" / "measure", self.work / "million"
        run(measure, "make", export, 1_000_000, timeout=300)
        commands = {"hash": [measure, "hash", export], "verify": [measure, "verify", export, f"{export}.vkey"]}
        took, wall, peak = {name: [] for name in commands}, {1: [], 2: []}, 0
        for _ in range(3):
            for name, command in commands.items():
                seconds, elapsed, kib = spent(command, {0})
                took[name].append(seconds)
                if name == "verify":
                    wall[1].append(elapsed)
                    peak = max(peak, kib)
            if os.cpu_count() > 1:
                _, elapsed, kib = spent(commands["verify"], {0, 1})
                wall[2].append(elapsed)
                peak = max(peak, kib)
        hashing, verifying = min(took["hash"]), min(took["verify"])
        self.table.add("1,000,000 entries verified, one core", f"{verifying:.2f} s; hashing alone {hashing:.2f} s")
        self.table.add("verifying : hashing", f"{verifying / hashing:.2f}", "<= 2.5", verifying <= 2.5 * hashing)
        if wall[2]:
            faster = min(wall[1]) / min(wall[2])
            self.table.add("verifying on two cores", f"{faster:.2f} times as fast", ">= 1.7", faster >= 1.7)
        self.table.add("memory of the verifier", f"{peak / 1024:.1f} MB", "< 64 MB", peak < 64 << 10)
        slowest = float(run(measure, "prove", 10_000_000, timeout=300).split()[-1]) * 1000
        self.table.add("inclusion proof among 10,000,000", f"{slowest:.2f} ms", "< 5 ms", slowest < 5)

    STEPS = ["disk", "commits", "binary", "start", "home", "latency", "storm", "acts", "slow_acts", "postgres", "upload", "verify", "trail"]

    def measure(self):
        for name in self.STEPS:
            if self.args.only and name not in self.args.only:
                continue
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                if time.monotonic() - self.began > RUN_SECS_MAX:
                    raise CannotRun("no time left")
                getattr(self, name)()
            except CannotRun as why:
                self.table.add(name, f"not measured: {why}", "", None if name == "postgres" else False)
            except (OSError, ValueError, KeyError, http.client.HTTPException) as why:
                self.table.add(name, f"not measured: {type(why).__name__}: {why}", "", False)

    def stop(self):
        for process in reversed(self.started):
            process.stop()


def spent(command, cores):
    """Seconds of the processor, seconds on the wall, and the peak of memory in KiB of a program held to these cores."""
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise CannotRun(f"`{Path(command[0]).name} {command[1]}` exited with {process.returncode}")
    return used.ru_utime + used.ru_stime, time.monotonic() - began, used.ru_maxrss


def read_counts(path):
    """The shim's slots: a name of 56 bytes and a count of 8."""
    try:
        slots = struct.iter_unpack("=56sQ", Path(path).read_bytes())
    except FileNotFoundError:
        return {}
    return {name.rstrip(b"\0").decode(errors="replace"): count for name, count in slots if count}


def commit_loop(path):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    database.execute("create table act (id integer primary key, text text not null) strict")
    count, began = 0, time.monotonic()
    while time.monotonic() - began < 2:
        database.execute("begin immediate")
        database.execute("insert into act (text) values (?)", ("x" * 300,))
        database.execute("commit")
        count += 1
    print(count / (time.monotonic() - began))


def send_file(port, token, path, name):
    """Seconds from the first byte sent to the whole answer. The kernel copies the file, so that the sender costs little."""
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/pdf\r\n\r\n'.encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = len(head) + os.path.getsize(path) + len(tail)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, open(path, "rb") as file:
        connection.sendall(
            f"POST /api/v1/evidence HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {length}\r\n\r\n".encode() + head
        )
        try:
            connection.sendfile(file)
            connection.sendall(tail)
        except OSError:
            pass  # refused early; the answer says why
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
    if answer.status != 201:
        raise CannotRun(f"POST /api/v1/evidence answered {answer.status}: {body[:200].decode(errors='replace')}")
    return time.monotonic() - began


# ---------------------------------------------------------------- building


def build(bench, cold):
    """The server and the two helpers. Prints what the build took; a cold one starts from nothing, in a folder of its own."""
    def cargo(*words, target=TARGET):
        command = ["cargo", "build", "--release", "--locked", *words]
        print("$ " + " ".join(command), file=sys.stderr, flush=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = subprocess.run(command, cwd=TOP, env={**os.environ, "CARGO_TARGET_DIR": str(target)}).returncode
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if status != 0:
            raise CannotRun(f"`{' '.join(command)}` failed")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    for helper in (HERE / "load", HERE / "peers" / "hello"):
        cargo("--manifest-path", str(helper / "Cargo.toml"))
    if not bench.args.only or "verify" in bench.args.only:
        cargo("-p", "countersign-audit", "--example", "measure")
    if bench.server:
        return
    crates = len(re.findall(r"(?m)^\[\[package\]\]", (TOP / "Cargo.lock").read_text()))
    if cold:
        with tempfile.TemporaryDirectory(prefix="countersign-build-") as target:
            seconds = cargo("--bin", "countersign", target=target)
        bench.table.add("release build from nothing", f"{seconds:,.0f} CPU-seconds, {crates} packages locked", "<= 1,300", seconds <= 1300)
    seconds = cargo("--bin", "countersign")
    bench.table.add("release build, what was left of it", f"{seconds:,.0f} CPU-seconds, {crates} packages locked")
    bench.server = TARGET / "release" / "countersign"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", type=Path, help="measure this program instead of building one")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {','.join(Bench.STEPS)}")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal was missed")
    parser.add_argument("--cold-build", action="store_true", help="build once more from nothing and count the CPU-seconds")
    parser.add_argument("--commit-loop", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.commit_loop:
        commit_loop(args.commit_loop)
        return 0
    unknown = set(args.only or []) - set(Bench.STEPS)
    if unknown:
        parser.error(f"no step is called {', '.join(sorted(unknown))}; there are {', '.join(Bench.STEPS)}")
    if args.server:
        args.server = args.server.resolve()
        if not os.access(args.server, os.X_OK):
            parser.error(f"{args.server} is not a program")
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", dir=os.environ.get("BENCH_DIR")) as work:
        bench = Bench(args, Path(work))
        try:
            build(bench, args.cold_build)
        except CannotRun as why:
            print(f"error: {why}", file=sys.stderr)
            return 2
        bench.began = time.monotonic()
        try:
            bench.measure()
        finally:
            bench.stop()
        took = time.monotonic() - bench.began
    print(f"\nCountersign, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {took:.0f} s\n")
    bench.table.print()
    if args.json:
        args.json.write_text(json.dumps({"cores": os.cpu_count(), "seconds": took, "rows": bench.table.rows}, indent=2) + "\n")
    missed = [row["what"] for row in bench.table.rows if row["met"] is False]
    return 1 if args.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
