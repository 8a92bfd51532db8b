#!/usr/bin/env python3
"""Plays two attacks on a real server by somebody who holds the machine and its signing key, and shows who notices.

Needs the built programs (BIN names their folder) and nothing else. Exits with 1 when anything goes otherwise than told.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BIN = os.environ.get("BIN") or os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "debug")
BIN = os.path.abspath(BIN)
COUNTERSIGN, VERIFY = os.path.join(BIN, "countersign"), os.path.join(BIN, "countersign-verify")
WAIT_SECS = 30
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def say(text=""):
    print(text, flush=True)


def must(condition, what):
    if not condition:
        say(f"\nUNEXPECTED: {what}")
        sys.exit(1)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(*args, expect=0, shown=True):
    """Runs a program, shows its command and what it says, and checks its exit code."""
    done = subprocess.run(args, capture_output=True, text=True, timeout=60)
    name = os.path.basename(args[0])
    if shown:
        say(f"$ {name} {' '.join(args[1:])}")
        for line in (done.stdout + done.stderr).splitlines():
            say(f"  {line}")
        say(f"  exit {done.returncode}\n")
    must(done.returncode == expect, f"{name} {args[1:]} ended with {done.returncode} instead of {expect}: {done.stdout}{done.stderr}")
    return done.stdout


class Server:
    """A demonstration server on its own data folder."""

    def __init__(self, data, policy=None):
        env = {"PATH": os.environ.get("PATH", ""), "COUNTERSIGN_WITNESS_PERIOD_SECS": "1"}
        if policy:
            env["COUNTERSIGN_WITNESS_POLICY"] = policy
        args = [COUNTERSIGN, "demo", "--json", "--listen", "127.0.0.1:0", "--data", data]
        self.process = subprocess.Popen(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = json.loads(self.process.stdout.readline())
        self.data, self.url, self.vkey = data, line["url"], line["vkey"]
        self.token = next(p["api_token"] for p in line["people"] if p["role"] == "messaging")

    def send(self, text):
        """Sends a message; gives the status and the answer."""
        body = json.dumps({"to": "+14155552671", "text": text}).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return fetch(urllib.request.Request(f"{self.url}/api/v1/messages", body, headers))

    def get(self, path):
        return fetch(urllib.request.Request(self.url + path))[1]

    def size(self):
        return int(self.get("/log/checkpoint").split("\n")[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=WAIT_SECS)

    def export(self, out):
        run(COUNTERSIGN, "audit", "export", "--data", self.data, "--out", out, shown=False)


def fetch(request):
    try:
        with OPENER.open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(what, condition):
    end = time.monotonic() + WAIT_SECS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    must(False, f"{what} did not happen within {WAIT_SECS} seconds")


def noticed(server):
    """Waits until the server takes no more acts, and gives its answer."""

    def refused():
        status, text = server.send("anything at all")
        return text if status == 503 else None

    return json.loads(until("the refusal", refused))


def main(work):
    os.chdir(work)
    say("A clinic keeps its trail; a partner elsewhere witnesses it.\n")
    first = Server("clinic")
    first.stop()
    witness = run(COUNTERSIGN, "witness", "init", "--data", "partner", "--name", "partner.example").strip()
    run(COUNTERSIGN, "witness", "trust", first.vkey, "--data", "partner")
    port = free_port()
    args = [COUNTERSIGN, "witness", "serve", "--listen", f"127.0.0.1:{port}", "--data", "partner"]
    partner = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        policy = "witnesses"
        with open(policy, "w", encoding="utf-8") as file:
            file.write(f"witness partner {witness} http://127.0.0.1:{port}\nquorum partner\n")
        play(policy)
    finally:
        partner.terminate()
        partner.wait(timeout=WAIT_SECS)


def play(policy):
    server = Server("clinic", policy)
    seen = lambda: int(json.loads(run(COUNTERSIGN, "witness", "show", "--json", "--data", "partner", shown=False))["logs"][0]["size"] or 0)
    server.send("Your appointment is on Monday.")
    until("the first cosignature", lambda: seen() >= server.size() > 0)
    server.stop()
    shutil.copytree("clinic", "yesterday")
    say("Yesterday's backup of the whole folder is made, keys and all. Today something is sent that somebody will regret:\n")
    server = Server("clinic", policy)
    server.send("Please ignore the result of your last test.")
    server.export("auditor")
    shutil.copy("auditor/checkpoint", "kept-checkpoint")
    with open("policy", "w", encoding="utf-8") as file:
        file.write(server.get("/log/policy"))
    say("The auditor takes an export, and keeps its checkpoint and the policy file.\n")
    run(VERIFY, "auditor", "--policy", "policy")
    until("the cosignature of today", lambda: seen() >= server.size())
    server.stop()

    say("ATTACK 1: root puts yesterday back, every file of it, and starts the server again.\n")
    shutil.rmtree("clinic")
    shutil.copytree("yesterday", "clinic")
    server = Server("clinic", policy)
    answer = noticed(server)
    say(f"The witness remembers more. A message is refused: {answer['status']} {answer['code']}\n")
    server.export("rolled-back")
    run(VERIFY, "rolled-back", "--policy", "policy", "--checkpoint", "kept-checkpoint", expect=1)
    server.stop()

    say("ATTACK 2: root cuts the server off from the witness until the new history is longer than the old one.\n")
    shutil.rmtree("clinic")
    shutil.copytree("yesterday", "clinic")
    server = Server("clinic")
    while server.size() <= seen():
        must(server.send("Nothing to see here.")[0] == 202, "the cut-off server did not send")
        time.sleep(0.3)
    server.export("regrown")
    say("By its own key alone nothing is wrong with it: every entry is signed, every proof holds.\n")
    run(VERIFY, "regrown", "--key", server.vkey)
    say("By the policy it is worth nothing, and beside the kept checkpoint it is a forgery:\n")
    run(VERIFY, "regrown", "--policy", "policy", expect=3)
    run(VERIFY, "regrown", "--policy", "policy", "--checkpoint", "kept-checkpoint", expect=1)
    server.stop()
    server = Server("clinic", policy)
    answer = noticed(server)
    say(f"And once it meets the witness again, it stops: {answer['status']} {answer['code']}")
    server.stop()


if __name__ == "__main__":
    folder = tempfile.mkdtemp(prefix="countersign-tamper-")
    try:
        main(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
