"""The home page of a signed-in person in plain Flask + sqlite3, the peer that `make bench` measures ours against.

It does the work of our `GET /` and no more: looks the session cookie up in SQLite by its hash, checks idle and
absolute expiry, loads the person and the roles, asks three real questions (recent sign-ins, counts of what waits,
head of the trail), renders a template of comparable size and sends the same headers.

    python flask_home.py seed FILE       makes the database, prints {"cookie": "..."} for a signed-in person
    BENCH_PEER_DATABASE=FILE gunicorn flask_home:app
"""

import hashlib
import json
import os
import secrets
import sqlite3
import sys
import time
from datetime import datetime, timezone

from flask import Flask, abort, g, redirect, render_template, request

IDLE_SECS = 30 * 60
ABSOLUTE_SECS = 24 * 60 * 60
TOUCH_SECS = 60
COOKIE = "countersign"

SCHEMA = """
create table person (id text primary key, username text not null unique, name text not null, disabled_at integer) strict;
create table person_role (person_id text not null references person(id), role text not null,
    primary key (person_id, role)) strict;
create table session (id_hash blob primary key, person_id text not null references person(id), csrf text not null,
    created_at integer not null, seen_at integer not null, second_factor_at integer, revoked_at integer) strict;
create table sign_in (id integer primary key, person_id text not null, at integer not null, address text not null,
    agent text not null, outcome text not null) strict;
create index sign_in_by_person on sign_in (person_id, id);
create table evidence (id text primary key, owner_id text not null, state text not null) strict;
create index evidence_by_owner on evidence (owner_id, state);
create table message (id text primary key, author_id text not null, state text not null) strict;
create index message_by_author on message (author_id, state);
create table audit_chain (seq integer primary key, hash blob not null, at integer not null) strict;
create table checkpoint (size integer primary key, root blob not null, at integer not null) strict;
"""

SESSION = """
select s.person_id, s.csrf, s.created_at, s.seen_at, p.username, p.name
from session s join person p on p.id = s.person_id
where s.id_hash = ? and s.revoked_at is null and s.second_factor_at is not null and p.disabled_at is null
"""
ROLES = "select role from person_role where person_id = ? order by role"
TOUCH = "update session set seen_at = ? where id_hash = ? and revoked_at is null"
SIGN_INS = "select at, address, agent, outcome from sign_in where person_id = ? order by id desc limit 5"
WAITING = """
select (select count(*) from evidence where owner_id = ?1 and state = 'draft') as drafts,
       (select count(*) from evidence where owner_id = ?1 and state = 'returned') as returned,
       (select count(*) from message where author_id = ?1 and state = 'unknown') as unknown,
       (select count(*) from message where author_id = ?1 and state = 'queued') as queued
"""
HEAD = """
select c.seq, c.hash, c.at, k.size, k.at as checkpoint_at
from audit_chain c, (select size, at from checkpoint order by size desc limit 1) k
order by c.seq desc limit 1
"""

NAV = {
    "admin": [("Work", "/", "Home", "home"), ("People", "/admin/users", "People", "people"),
              ("People", "/admin/tokens", "API tokens", "key"), ("People", "/admin/sessions", "Sessions", "clock"),
              ("House", "/policies", "Policies", "book"), ("House", "/config", "Settings", "gear"),
              ("House", "/status", "Status", "pulse"), ("Proof", "/audit", "Audit trail", "seal")],
    "contributor": [("Work", "/", "Home", "home"), ("Work", "/evidence", "Evidence", "file"),
                    ("Work", "/evidence/new", "Upload", "upload")],
    "messaging": [("Work", "/", "Home", "home"), ("Work", "/messages", "Messages", "chat")],
}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

app = Flask(__name__)


def connect(path):
    database = sqlite3.connect(path, isolation_level=None)
    database.row_factory = sqlite3.Row
    return database


def db():
    """One connection a request, as the Flask documentation does it."""
    if "db" not in g:
        g.db = connect(os.environ["BENCH_PEER_DATABASE"])
    return g.db


@app.teardown_appcontext
def close(_):
    database = g.pop("db", None)
    if database is not None:
        database.close()


@app.template_filter("when")
def when(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


@app.template_filter("stamp")
def stamp(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@app.before_request
def open_session():
    g.nonce = secrets.token_urlsafe(16)
    token = request.cookies.get(COOKIE)
    g.person = None
    if token is None:
        return
    id_hash = hashlib.sha256(token.encode()).digest()
    now = int(time.time())
    row = db().execute(SESSION, (id_hash,)).fetchone()
    if row is None or now - row["seen_at"] > IDLE_SECS or now - row["created_at"] > ABSOLUTE_SECS:
        return
    if now - row["seen_at"] > TOUCH_SECS:
        db().execute(TOUCH, (now, id_hash))
    g.person = row
    g.roles = [role["role"] for role in db().execute(ROLES, (row["person_id"],))]


@app.after_request
def harden(response):
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{g.nonce}'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def navigation(roles):
    sections = {}
    for role in roles:
        for section, href, text, icon in NAV.get(role, []):
            items = sections.setdefault(section, [])
            if href not in [item["href"] for item in items]:
                items.append({"href": href, "text": text, "icon": icon, "current": href == "/"})
    return sections


@app.get("/")
def home():
    if g.person is None:
        return redirect("/login", 303)
    if not {"admin", "contributor", "messaging"} & set(g.roles):
        abort(403)
    person_id = g.person["person_id"]
    sign_ins = db().execute(SIGN_INS, (person_id,)).fetchall()
    waiting = db().execute(WAITING, (person_id,)).fetchone()
    head = db().execute(HEAD).fetchone()
    hour = datetime.now(timezone.utc).hour
    waits = []
    if waiting["drafts"]:
        waits.append(("", "draft", f"{waiting['drafts']} uploads are not yet described", "/evidence?state=draft", "Describe"))
    if waiting["returned"]:
        waits.append(("warn", "returned", f"{waiting['returned']} items came back with a remark", "/evidence?state=returned", "Read"))
    if waiting["unknown"]:
        waits.append(("bad", "unknown", f"{waiting['unknown']} messages have an unknown fate", "/messages?state=unknown", "Decide"))
    cards = [
        ("Uploads", waiting["drafts"] + waiting["returned"], "of yours in work", "/evidence"),
        ("Messages", waiting["queued"], "of yours in the queue", "/messages"),
        ("Trail", head["seq"] + 1, "entries", "/audit"),
    ]
    return render_template(
        "home.html", nonce=g.nonce, csrf=g.person["csrf"], person=g.person, roles=g.roles, nav=navigation(g.roles),
        daytime="morning" if hour < 12 else "afternoon" if hour < 18 else "evening",
        first_name=g.person["name"].split(" ")[0], last=sign_ins[1] if len(sign_ins) > 1 else None,
        waits=waits, cards=cards, sign_ins=sign_ins, head=head, head_hash=head["hash"].hex(), now=int(time.time()),
    )


def seed(path):
    """As many rows as our demo has, and some: small tables, so that no index is the bottleneck."""
    database = connect(path)
    database.execute("pragma journal_mode = wal")
    database.executescript(SCHEMA)
    now = int(time.time())
    token = secrets.token_urlsafe(32)
    database.execute("begin immediate")
    for n, name in enumerate(["Dana Example", "Kim Sample", "Robin Muster", "Sam Placeholder", "Alex Invented", "Toni Made-Up"]):
        person_id = f"usr_{n:026d}"
        database.execute("insert into person values (?, ?, ?, null)", (person_id, f"person{n}", name))
        roles = ["admin", "contributor", "messaging"] if n == 0 else ["contributor"]
        database.executemany("insert into person_role values (?, ?)", [(person_id, role) for role in roles])
        for k in range(40):
            database.execute(
                "insert into sign_in (person_id, at, address, agent, outcome) values (?, ?, ?, ?, ?)",
                (person_id, now - 9000 + k * 60, f"203.0.113.{k}", "Mozilla/5.0 (X11; Linux x86_64)", "refused" if k % 9 == 4 else "allowed"),
            )
        for k in range(30):
            state = ("draft", "returned", "sealed")[k % 3]
            database.execute("insert into evidence values (?, ?, ?)", (f"ev_{n}_{k}", person_id, state))
            state = ("queued", "unknown", "delivered")[k % 3]
            database.execute("insert into message values (?, ?, ?)", (f"msg_{n}_{k}", person_id, state))
    for seq in range(2000):
        database.execute("insert into audit_chain values (?, ?, ?)", (seq, hashlib.sha256(b"%d" % seq).digest(), now - 2000 + seq))
    database.execute("insert into checkpoint values (2000, ?, ?)", (hashlib.sha256(b"root").digest(), now))
    database.execute(
        "insert into session values (?, ?, ?, ?, ?, ?, null)",
        (hashlib.sha256(token.encode()).digest(), "usr_" + "0" * 26, secrets.token_urlsafe(32), now, now, now),
    )
    database.execute("commit")
    database.close()
    print(json.dumps({"cookie": f"{COOKIE}={token}"}))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "seed":
        sys.exit("usage: flask_home.py seed FILE")
    seed(sys.argv[2])
