#!/usr/bin/env python3
"""Measures the webhook: signed texts at a steady pace, each verified, committed with its entry, and answered.

    hooks.py SERVER [--rate 200] [--secs 20] [--json FILE]

SERVER is a program `countersign`; it is started as a demonstration in a temporary folder. The pace is kept whatever the answers
take, so that a slow answer does not hide those behind it: a latency counts from when the request was due. Requests come from
several addresses of this machine, since one alone may ask a hundred times a second. Exit status: 0 when the 99th percentile is
below 50 ms, 1 when it is not, 2 when nothing could be measured.
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import urlencode, urlsplit

LANES = 16
GOAL_MS = 50


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def signed(hook, token, form):
    text = hook + "".join(name + value for name, value in sorted(form.items()))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def lane(n, demo, begin, rate, secs, out):
    twilio = demo["twilio"]
    where = urlsplit(twilio["hook"])
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30, source_address=(f"127.0.0.{n % 8 + 2}", 0))
    for turn in range(n, rate * secs, LANES):
        form = {
            "MessageSid": f"SM{turn:032x}", "AccountSid": twilio["account_sid"], "From": f"+1415555{2000 + turn % 4000:04}", "To": twilio["number"],
            "Body": f"A reply of usual length, number {turn}.", "NumMedia": "0", "SmsStatus": "received",
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signed(twilio["hook"], twilio["auth_token"], form)}
        body = urlencode(form)
        due = begin + turn / rate
        time.sleep(max(0, due - time.monotonic()))
        connection.request("POST", where.path, body, headers)
        answer = connection.getresponse()
        answer.read()
        out.append((answer.status, (time.monotonic() - due) * 1000))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--secs", type=int, default=20)
    parser.add_argument("--json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([asked.server, "demo", "--json", "--data", f"{folder}/demo", "--listen", f"127.0.0.1:{free_port()}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            line = server.stdout.readline()
            if not line:
                print("the demonstration did not start", file=sys.stderr)
                return 2
            demo, out = json.loads(line), []
            begin = time.monotonic() + 1
            lanes = [threading.Thread(target=lane, args=(n, demo, begin, asked.rate, asked.secs, out)) for n in range(LANES)]
            for one in lanes:
                one.start()
            for one in lanes:
                one.join()
        finally:
            server.terminate()
            server.wait(20)
    took = sorted(ms for status, ms in out if status == 200)
    if len(took) < asked.rate * asked.secs:
        print(f"only {len(took)} of {asked.rate * asked.secs} were taken", file=sys.stderr)
        return 2
    at = lambda share: round(took[min(len(took) - 1, int(len(took) * share))], 1)
    found = {"requests": len(took), "per_second": asked.rate, "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": round(took[-1], 1)}
    print(json.dumps(found))
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            json.dump(found, file)
    return 0 if found["p99_ms"] < GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
