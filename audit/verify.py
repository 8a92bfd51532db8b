#!/usr/bin/env python3
"""A second verifier of exported audit trails, made from README.md in this folder and sharing no code with the first.

    verify.py DIR --key VKEY | --policy FILE [--checkpoint FILE]... [--epoch VKEY]
              [--max-age SECONDS [--now TIME]] [--tsa-roots FILE] [--json]
    verify.py --seal DIR --key VKEY [--json]

VKEY is the verifier key itself or a file that holds it. Python 3.11 or later and the package `cryptography`.

Exit status: 0 the folder holds exactly what the holder of the key signed, and the policy is met; 1 something that is
there is wrong or cannot be parsed; 2 something that must be there is absent or cannot be read, or the command line is
wrong; 3 only the policy is not met. Numbers in brackets below are sections of README.md.

What must stay true:
  - Absence is never a pass: 0 is reached only when every entry was read and the root over them is the signed one.
  - Bytes are hashed as they are stored and never rendered anew.
  - Memory does not grow with the entries: one bundle, one tile of each level and one number for each file are held.
  - The same input gives the same output, but for the clock where no time is given. Nothing is written, nothing is read
    but the export and the files that are named.
"""

import argparse
import array
import base64
import binascii
import bisect
import calendar
import hashlib
import hmac
import itertools
import json
import os
import re
import stat
import sys
import time
import traceback

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

DEPTH_MAX = 16
FOLDERS_MAX = 10
INTEGER_MAX = 2**53 - 1
SIZE_MAX = 2**63 - 1
NAME_MAX = 255
NOTE_MAX = 65_536
SIGNATURES_MAX = 100
WIDTH = 256
BUNDLE_MAX = WIDTH * (2 + 65_535)
FINDINGS_MAX = 20
QUOTE_MAX = 80
KEY_FILE_MAX = 4096
KEPT_MAX = 64
AHEAD_MAX = 300
POLICY_MAX = 65_536
LOGS_MAX = 64
WITNESSES_MAX = 256
GROUPS_MAX = 64
TOKEN_MAX = 65_536
TOKENS_MAX = 100_000
ROOTS_MAX = 1 << 20
CERTIFICATES_MAX = 64
DEPTH_ABOVE_MAX = 8
TRIES_MAX = 64
RUNS_MAX = 16
PART_MAX = 2_000_000
DAYS_DEFAULT = 2190
RETAINED_MAX = 65_535 + 1
VALUE_LINE_MAX = 2**20
RETAINED, PAYLOADS = "retained.jsonl", "payloads.jsonl"


class Wrong(Exception):
    """Something that is there is not what it must be. The message says what."""


class Absent(Exception):
    """Something that must be there is absent or cannot be read. The message says what."""


def quote(value):
    """A value in a message, short and in one line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= QUOTE_MAX else text[:QUOTE_MAX] + "…"


# --- Base64 and canonical JSON [1, 2] ---------------------------------------------------------------------------------


def unbase64(text):
    """Bytes from the one canonical form: standard alphabet, padding, unused bits zero."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Wrong("not base64") from None
    if tobase64(raw) != text:
        raise Wrong("not base64 in its canonical form")
    return raw


def tobase64(raw):
    return base64.b64encode(raw).decode("ascii")


def hash_of(text):
    """32 bytes from base64."""
    raw = unbase64(text)
    if len(raw) != 32:
        raise Wrong("not 32 bytes in base64")
    return raw


KEY = re.compile(r"[a-z][a-z0-9_]*")
NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")
INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}")
# The only escapes there are: two-character ones, and \u00xx for those below U+0020 that have none.
STRING = re.compile(r'"([^"\\\x00-\x1f]*(?:\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f]))[^"\\\x00-\x1f]*)*)"')
ESCAPE = re.compile(r"\\(u00..|.)")
SHORT = {'"': '"', "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
WORDS = {"true": True, "false": False, "null": None}


def read_json(raw):
    """The value of canonical JSON bytes; every other form of the same value is refused."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as why:
        raise Wrong(f"not UTF-8 at byte {why.start}") from None
    value, at = read_value(text, 0, 1)
    if at != len(text):
        raise Wrong(f"something stands after the value, at character {at}")
    return value


def read_value(text, at, depth):
    """The value at `at` and where it ends. An object or list here would be the `depth`th one."""
    first = text[at : at + 1]
    if first == '"':
        return read_string(text, at)
    if first == "{" or first == "[":
        if depth > DEPTH_MAX:
            raise Wrong(f"nested deeper than {DEPTH_MAX}")
        return read_object(text, at + 1, depth) if first == "{" else read_list(text, at + 1, depth)
    for word, value in WORDS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    return read_integer(text, at)


def read_string(text, at):
    found = STRING.match(text, at)
    if not found:
        raise Wrong(f"no string in canonical form at character {at}")
    inner = found[1]
    if "\\" in inner:
        inner = ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "u" else SHORT[m[1]], inner)
    return inner, found.end()


def read_integer(text, at):
    found = NUMBER.match(text, at)
    if not found:
        raise Wrong(f"no value at character {at}")
    if not INTEGER.fullmatch(found[0]) or abs(int(found[0])) > INTEGER_MAX:
        raise Wrong(f"not a plain integer within ±(2^53 − 1) at character {at}")
    return int(found[0]), found.end()


def read_list(text, at, depth):
    items = []
    if text.startswith("]", at):
        return items, at + 1
    while True:
        item, at = read_value(text, at, depth + 1)
        items.append(item)
        if text.startswith("]", at):
            return items, at + 1
        at = pass_over(text, at, ",")


def read_object(text, at, depth):
    fields, last = {}, ""
    if text.startswith("}", at):
        return fields, at + 1
    while True:
        key, at = read_string(text, at)
        if not (KEY.fullmatch(key) or (depth == 1 and key in ("_prev", "_seq"))):
            raise Wrong(f"the key {quote(key)} is not allowed")
        if key <= last:
            said = "stands twice" if key in fields else "is out of order"
            raise Wrong(f"the key {quote(key)} {said}")
        fields[key], at = read_value(text, pass_over(text, at, ":"), depth + 1)
        last = key
        if text.startswith("}", at):
            return fields, at + 1
        at = pass_over(text, at, ",")


def pass_over(text, at, mark):
    if not text.startswith(mark, at):
        raise Wrong(f"no `{mark}` at character {at}")
    return at + 1


# --- The table of a leaf [2] ------------------------------------------------------------------------------------------


def matching(kind, test, otherwise):
    """A form: a value of just this type that passes the test."""

    def check(value):
        if type(value) is not kind or not test(value):
            raise Wrong(otherwise)

    return check


def record(must, may):
    """A form: an object, not empty, with all keys of `must`, any of `may`, and no other."""

    def check(value):
        if type(value) is not dict or not value:
            raise Wrong("not an object with at least one key")
        for key in must:
            if key not in value:
                raise Wrong(f"`{key}` is missing")
        for key, item in value.items():
            form = must.get(key) or may.get(key)
            if not form:
                raise Wrong(f"{quote(key)} is not one of format version 1")
            try:
                form(item)
            except Wrong as why:
                raise Wrong(f"`{key}`: {why}") from None

    return check


def listing(form):
    """A form: a list of at least one item, each of `form`."""

    def check(value):
        if type(value) is not list or not value:
            raise Wrong("not a list with at least one item")
        for item in value:
            form(item)

    return check


def is_control(char):
    return char < " " or "\x7f" <= char <= "\x9f"


def is_name(text):
    """Whether a log or a key may be called so."""
    size = len(text.encode("utf-8"))
    return 1 <= size <= NAME_MAX and not any(c == "+" or c.isspace() or is_control(c) for c in text)


TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{6}Z")


def is_time(text):
    found = TIME.fullmatch(text)
    if not found:
        return False
    year, month, day, hour, minute, second = map(int, found.groups())
    days = (31, 29 if calendar.isleap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= days[month - 1] and hour <= 23 and minute <= 59 and second <= 59


def is_hash(text):
    try:
        return len(hash_of(text)) == 32
    except Wrong:
        return False


OUTCOMES = ("ok", "denied", "failed", "error", "unknown")
ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
EVENT = re.compile(r"evt_[0-9a-f]{32}")

text_ = matching(str, lambda v: True, "not a string")
name_ = matching(str, KEY.fullmatch, "not a name like `[a-z][a-z0-9_]*`")
count_ = matching(int, lambda v: v >= 0, "not an integer from 0 on")
hash_ = matching(str, is_hash, "not 32 bytes in canonical base64")

ENTRY = record(
    must={
        "_prev": hash_,
        "_seq": count_,
        "action": matching(str, ACTION.fullmatch, "not two or more names joined by `.`"),
        "actor": record({"type": name_}, {"auth": text_, "id": text_, "name_c": hash_, "session": text_, "via": text_}),
        "app": record({"build": text_, "ver": text_}, {}),
        "boot": text_,
        "category": name_,
        "id": matching(str, EVENT.fullmatch, "not `evt_` and 32 lower-case hex digits"),
        "log": matching(str, is_name, "not an origin"),
        "mono_us": count_,
        "node": text_,
        "outcome": matching(str, lambda v: v in OUTCOMES, "not one of " + ", ".join(OUTCOMES)),
        "resource": record({"type": name_}, {"id": text_, "label_c": hash_}),
        "ts": matching(str, is_time, "not a time in UTC with six digits of a second"),
        "v": matching(int, lambda v: v == 1, "not 1"),
    },
    may={
        "change": listing(record({"f": text_}, {"after_c": hash_, "before_c": hash_})),
        "data": matching(dict, len, "not an object with at least one key"),
        "idem": text_,
        "net": record({}, {"ip_c": hash_, "ua_c": hash_}),
        "on_behalf_of": text_,
        "payload": listing(record({"c": hash_, "len": count_, "name": text_}, {})),
        "reason": text_,
        "refs": listing(text_),
        "request_id": text_,
        "subject": text_,
    },
)


def judge(leaf, origin, place):
    """The entry, or None where it is not canonical; and what is wrong with it, or None."""
    try:
        entry = read_json(leaf)
    except Wrong as why:
        return None, f"not canonical JSON: {why}"
    try:
        ENTRY(entry)
        if entry["log"] != origin:
            raise Wrong(f"`log` is {quote(entry['log'])}, another log's")
        if entry["_seq"] != place:
            raise Wrong(f"`_seq` is {entry['_seq']}, which is not its place")
    except Wrong as why:
        return entry, str(why)
    return entry, None


# --- Ed25519, strictly [7] --------------------------------------------------------------------------------------------

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
ORDER = 2**252 + 27742317777372353535851937790883648493


def point_of(raw):
    """The point of the curve that 32 bytes encode in their only proper form."""
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        raise Wrong("not in canonical form")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        raise Wrong("not a point of the curve")
    if x == 0 and sign:
        raise Wrong("not in canonical form")
    return (x if x & 1 == sign else P - x), y


def require_strong(raw):
    """Refuses what is no point, is encoded otherwise than it must be, or has an order of at most eight."""
    x, y = point_of(raw)
    for _ in range(3):
        product = D * x * x * y * y % P
        x, y = 2 * x * y * pow(1 + product, -1, P) % P, (y * y + x * x) * pow(1 - product, -1, P) % P
    if (x, y) == (0, 1):
        raise Wrong("a weak point, of small order")


def verify_signature(public, signature, message):
    """By a key whose strength was checked. What OpenSSL would let pass is refused here first."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= ORDER:
        raise Wrong("the signature is not in its only form")
    require_strong(signature[:32])
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Wrong("the signature does not verify") from None


# --- Key, note, checkpoint [7, 8] -------------------------------------------------------------------------------------

LOG, COSIGNER = 1, 4  # C2SP's types of signatures
DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class Key:
    """A verifier key: `name`, `id` (4 bytes), `public` (32 bytes), and `short`, what it is called in a report."""

    def __init__(self, text, kind=LOG):
        parts = text.split("+", 2)
        if len(parts) != 3 or not is_name(parts[0]) or not re.fullmatch("[0-9a-f]{8}", parts[1]):
            raise Wrong("not `<name>+<key id>+<base64>`")
        typed = unbase64(parts[2])
        if len(typed) != 33 or typed[0] != kind:
            raise Wrong(f"not a key of type 0x{kind:02x}")
        self.name, self.id, self.public, self.short = parts[0], bytes.fromhex(parts[1]), typed[1:], "+".join(parts[:2])
        if hashlib.sha256(self.name.encode("utf-8") + b"\n" + typed).digest()[:4] != self.id:
            raise Wrong("the key id does not belong to this name and key")
        require_strong(self.public)


def read_key(argument):
    """The key from the command line. What is a verifier key is never taken for the name of a file."""
    try:
        return Key(clean(argument))
    except Wrong as why:
        refused = why
    try:
        raw = read_file(argument, KEY_FILE_MAX)
    except Absent:
        if argument.count("+") >= 2:  # meant as a key
            raise refused from None
        raise Absent(f"neither a verifier key nor a file that can be read: {quote(clean(argument))}") from None
    try:
        return Key(raw.decode("utf-8").removesuffix("\n"))
    except UnicodeDecodeError:
        raise Wrong("the key file is not UTF-8") from None


def read_file(name, limit):
    """The bytes of a file that the auditor named. Here a link is followed."""
    try:
        if not os.path.isfile(name):
            raise Absent("not a file that can be read")
        with open(name, "rb") as file:
            raw = file.read(limit + 1)
    except (OSError, ValueError):
        raise Absent("not a file that can be read") from None
    if len(raw) > limit:
        raise Wrong(f"longer than {limit} bytes")
    return raw


def split_note(raw):
    """The text of a note and its signature lines, each the key's name and the bytes of key id and signature."""
    try:
        note = raw.decode("utf-8")
    except UnicodeDecodeError as why:
        raise Wrong(f"the note is not UTF-8 at byte {why.start}") from None
    if any(is_control(c) and c != "\n" for c in note):
        raise Wrong("the note holds a control character")
    body, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise Wrong("the note has no signatures, or its last line does not end")
    lines = lines[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise Wrong(f"more than {SIGNATURES_MAX} signature lines")
    return body + "\n", [read_line(line) for line in lines]


def open_note(raw, key):
    """The text that the key signed, and the number of lines by other keys."""
    text, lines = split_note(raw)
    own = 0
    for name, blob in lines:
        if (name, blob[:4]) == (key.name, key.id):
            verify_signature(key.public, blob[4:], text.encode("utf-8"))
            own += 1
    if not own:
        raise Wrong("no signature by the key given")
    return text, len(lines) - own


def read_line(line):
    """Name of the key, and key id with signature."""
    dash, _, rest = line.partition(" ")
    name, _, blob = rest.partition(" ")
    if dash != "\u2014" or not is_name(name):
        raise Wrong(f"not a signature line: {quote(line)}")
    raw = unbase64(blob)
    if len(raw) < 5:
        raise Wrong(f"a signature line holds no signature: {quote(line)}")
    return name, raw


def read_checkpoint(text):
    """Origin, size and root of the signed text."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise Wrong("the checkpoint is not exactly three lines")
    origin, decimal = lines[:2]
    if not is_name(origin):
        raise Wrong("the first line is not an origin")
    if not DECIMAL.fullmatch(decimal) or int(decimal) > SIZE_MAX:
        raise Wrong("the second line is not a number of entries without leading zeros, at most 2^63 − 1")
    size, root = int(decimal), hash_of(lines[2])
    if size == 0 and root != Tree().root():
        raise Wrong("the root of an empty log is not that of the empty tree")
    return origin, size, root


def open_checkpoint(raw, key):
    """Origin, size and root of a signed checkpoint of the key's log, and the number of lines by other keys."""
    text, others = open_note(raw, key)
    origin, size, root = read_checkpoint(text)
    if origin != key.name:
        raise Wrong(f"the checkpoint is of the log {quote(origin)}, which is not the key's name")
    return origin, size, root, others


# --- Witnesses and policy [10, 11] ------------------------------------------------------------------------------------


def cosignatures(raw, keys):
    """For each key the newest time at which it cosigned the note, or None; and how many lines are by these keys."""
    text, lines = split_note(raw)
    times, own = [None] * len(keys), 0
    for name, blob in lines:
        for at, key in enumerate(keys):
            if (name, blob[:4]) != (key.name, key.id):
                continue
            time = int.from_bytes(blob[4:12], "big")
            if len(blob) < 12 or time > INTEGER_MAX:
                raise Wrong(f"a cosignature by {quote(name)} is too short, or its time is above 2^53 − 1")
            verify_signature(key.public, blob[12:], f"cosignature/v1\ntime {time}\n{text}".encode("utf-8"))
            times[at] = time if times[at] is None else max(time, times[at])
            own += 1
    return times, own


class Policy:
    """Whom the auditor trusts. `logs` and `witnesses` in the order of the file, a witness as (name, key)."""

    def __init__(self, raw):
        if len(raw) > POLICY_MAX:
            raise Wrong(f"longer than {POLICY_MAX} bytes")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as why:
            raise Wrong(f"not UTF-8 at byte {why.start}") from None
        if not text.endswith("\n"):
            raise Wrong("the last line does not end in a newline")
        self.logs, self.witnesses, self.groups, self.quorum = [], [], {}, None
        self.taken = set()
        for number, line in enumerate(text[:-1].split("\n"), 1):
            try:
                self.read(line)
            except Wrong as why:
                raise Wrong(f"line {number}: {why}") from None
        if self.quorum is None:
            raise Wrong("no `quorum` line")

    def read(self, line):
        if any((c < " " and c != "\t") or c == "\x7f" for c in line):
            raise Wrong("a control character")
        words = [word for word in re.split("[ \t]", line) if word]
        if not words or words[0].startswith("#"):
            return
        kind, count = words[0], len(words)
        if kind == "log" and count in (2, 3):
            self.add_log(Key(words[1]))
        elif kind == "witness" and count in (3, 4):
            self.add_witness(words[1], Key(words[2], COSIGNER))
        elif kind == "group" and count >= 4:
            self.add_group(words[1], words[2], words[3:])
        elif kind == "quorum" and count == 2:
            self.add_quorum(words[1])
        else:
            raise Wrong("not a line of a policy")

    def add_log(self, key):
        if len(self.logs) >= LOGS_MAX:
            raise Wrong(f"more than {LOGS_MAX} logs")
        if any(key.name == log.name or key.public == log.public for log in self.logs):
            raise Wrong("this log's name or key was there before")
        if any(key.public == witness.public for _, witness in self.witnesses):
            raise Wrong("a log's key is a witness's too")
        self.logs.append(key)

    def add_witness(self, name, key):
        if len(self.witnesses) >= WITNESSES_MAX:
            raise Wrong(f"more than {WITNESSES_MAX} witnesses")
        for _, other in self.witnesses:
            if key.public == other.public or (key.name, key.id) == (other.name, other.id):
                raise Wrong("this key, or one of its name and id, is another witness's")
        if any(key.public == log.public for log in self.logs):
            raise Wrong("a log's key is a witness's too")
        self.require_new(name)
        self.witnesses.append((name, key))

    def add_group(self, name, threshold, members):
        if len(self.groups) >= GROUPS_MAX:
            raise Wrong(f"more than {GROUPS_MAX} groups")
        if threshold not in ("all", "any") and not DECIMAL.fullmatch(threshold):
            raise Wrong("the threshold is not a number")
        least = len(members) if threshold == "all" else 1 if threshold == "any" else int(threshold)
        if not 1 <= least <= len(members):
            raise Wrong("the threshold is not from 1 to the number of members")
        for member in members:
            self.require_known(member)
            if member in self.taken:
                raise Wrong(f"{quote(member)} is a member already")
            self.taken.add(member)
        self.require_new(name)
        self.groups[name] = (least, members)

    def add_quorum(self, name):
        if self.quorum is not None:
            raise Wrong("a second `quorum` line")
        if name != "none":
            self.require_known(name)
        self.quorum = name

    def is_known(self, name):
        return name in self.groups or any(name == witness for witness, _ in self.witnesses)

    def require_known(self, name):
        if not self.is_known(name):
            raise Wrong(f"{quote(name)} is not declared on an earlier line")

    def require_new(self, name):
        if name == "none" or self.is_known(name):
            raise Wrong(f"{quote(name)} is declared twice, or is `none`")

    def log(self, origin):
        """The key of the log of this origin, or None."""
        return next((key for key in self.logs if key.name == origin), None)

    def newest(self, times):
        """The newest time that a quorum supports, given times by witness; None if there is no such time."""
        told = dict(times)
        for name, (least, members) in self.groups.items():
            found = sorted((told[member] for member in members if member in told), reverse=True)
            if len(found) >= least:
                told[name] = found[least - 1]
        return told.get(self.quorum)


MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?Z")


def moment(text):
    """Seconds since 1970 of a time as an auditor types it, or None."""
    found = MOMENT.fullmatch(text)
    if not found or not is_time(found[1] + ".000000Z"):
        return None
    year, month, day, hour, minute, second = (int(part) for part in re.split("[-T:]", found[1]))
    if year < 1970:
        return None
    return calendar.timegm((year, month, day, hour, minute, second))


# --- Time-stamps [15] -------------------------------------------------------------------------------------------------


class Der:
    """Values of DER one after the other, each as (tag, content, all of it)."""

    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def more(self):
        return self.at < len(self.raw)

    def next(self):
        raw, at = self.raw, self.at
        if at + 2 > len(raw):
            raise Wrong("DER: a value is cut off")
        tag, length, start = raw[at], raw[at + 1], at + 2
        if tag & 0x1F == 0x1F:
            raise Wrong("DER: a tag of several bytes")
        if length >= 0x80:
            count = length & 0x7F
            digits = raw[start : start + count]
            if not 1 <= count <= 4 or len(digits) < count or digits[0] == 0 or (count == 1 and digits[0] < 0x80):
                raise Wrong("DER: a length that is not in its shortest form")
            length, start = int.from_bytes(digits, "big"), start + count
        if start + length > len(raw):
            raise Wrong("DER: a value is cut off")
        self.at = start + length
        return tag, raw[start : self.at], raw[at : self.at]

    def take(self, tag):
        found = self.next()
        if found[0] != tag:
            raise Wrong(f"DER: a value of tag {found[0]:#04x} where {tag:#04x} belongs")
        return found

    def inside(self, tag=0x30):
        return Der(self.take(tag)[1])

    def maybe(self, tag):
        return self.next() if self.more() and self.raw[self.at] == tag else None

    def unsigned(self):
        raw = self.take(0x02)[1]
        if not raw or raw[0] >= 0x80 or (len(raw) > 1 and raw[0] == 0 and raw[1] < 0x80):
            raise Wrong("DER: not a positive integer in its shortest form")
        return raw[1:] if len(raw) > 1 and raw[0] == 0 else raw

    def bits(self):
        raw = self.take(0x03)[1]
        if raw[:1] != b"\0":
            raise Wrong("DER: a bit string that is not of whole bytes")
        return raw[1:]

    def end(self):
        if self.more():
            raise Wrong("DER: something stands where a value ended")


def only(raw, tag=0x30):
    """The inside of the one value that `raw` is."""
    outer = Der(raw)
    found = outer.inside(tag)
    outer.end()
    return found


def identifier(raw):
    """The object identifier of an algorithm without parameters."""
    inside = Der(raw)
    oid = inside.take(0x06)[1]
    null = inside.maybe(0x05)
    if inside.more() or (null and null[1]):
        raise Wrong("an algorithm with parameters, which none here has")
    return oid


HASHES = {bytes.fromhex("6086480165030402") + bytes([n]): name for n, name in enumerate(("SHA256", "SHA384", "SHA512"), 1)}
RSA_WITH = {bytes.fromhex("2a864886f70d0101") + bytes([n]): name for n, name in enumerate(("SHA256", "SHA384", "SHA512"), 11)}
EC_WITH = {bytes.fromhex("2a8648ce3d0403") + bytes([n]): name for n, name in enumerate(("SHA256", "SHA384", "SHA512"), 2)}
RSA = bytes.fromhex("2a864886f70d010101")
EC = bytes.fromhex("2a8648ce3d0201")
SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
STATEMENT = bytes.fromhex("2a864886f70d0109100104")
CONTENT_TYPE, MESSAGE_DIGEST = (bytes.fromhex("2a864886f70d0109") + bytes([n]) for n in (3, 4))
BINDINGS = (bytes.fromhex("2a864886f70d010910020c"), bytes.fromhex("2a864886f70d010910022f"))
TIME_STAMPING, ANY_PURPOSE = bytes.fromhex("2b06010505070308"), bytes.fromhex("551d2500")


def hash_named(algorithm):
    oid = identifier(algorithm)
    if oid not in HASHES:
        raise Wrong("a hash other than SHA-256, SHA-384 and SHA-512")
    return HASHES[oid]


def digest_of(name, raw):
    return hashlib.new(name.lower(), raw).digest()


def scheme_of(algorithm, hash_name=None):
    """Whether a signature is RSA or EC, and over which hash; a bare RSA identifier means `hash_name`."""
    oid = identifier(algorithm)
    found = ("rsa", RSA_WITH[oid]) if oid in RSA_WITH else ("ec", EC_WITH[oid]) if oid in EC_WITH else None
    if found is None and oid == RSA and hash_name:
        found = ("rsa", hash_name)
    if found is None or (hash_name and found[1] != hash_name):
        raise Wrong("a signature of a kind that is not known here, or over another hash than it says")
    return found


def key_of(info):
    """The public key of a certificate, as (kind, key)."""
    inside = Der(info)
    algorithm, raw = inside.inside(), inside.bits()
    inside.end()
    kind = algorithm.take(0x06)[1]
    if kind == EC:
        curves = {bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1(), bytes.fromhex("2b81040022"): ec.SECP384R1()}
        curve = curves.get(algorithm.take(0x06)[1])
        algorithm.end()
        if not curve:
            raise Wrong("a key on a curve other than P-256 and P-384")
        return "ec", (curve, raw)
    if kind != RSA:
        raise Wrong("a key that is neither RSA nor on P-256 or P-384")
    numbers = only(raw)
    modulus, exponent = numbers.unsigned(), numbers.unsigned()
    numbers.end()
    if not 256 <= len(modulus) <= 1024 or len(exponent) > 4 or exponent[-1] % 2 == 0 or exponent == b"\1":
        raise Wrong("an RSA key that is not of 2048 to 8192 bits with an odd exponent of at most four bytes")
    return "rsa", (int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))


def verifies(key, scheme, message, signature):
    kind, parts = key
    if kind != scheme[0]:
        return False
    try:
        if kind == "rsa":
            rsa.RSAPublicNumbers(*parts).public_key().verify(signature, message, padding.PKCS1v15(), getattr(hashes, scheme[1])())
        else:
            curve, raw = parts
            two = only(signature)  # in its one form, as the certificate's own signature must be
            two.unsigned(), two.unsigned(), two.end()
            ec.EllipticCurvePublicKey.from_encoded_point(curve, raw).verify(signature, message, ec.ECDSA(getattr(hashes, scheme[1])()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, Wrong):
        return False
    return True


STAMP_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(?:\.[0-9]{0,8}[1-9])?Z")


def stamp_time(raw):
    """Seconds since 1970 of a GeneralizedTime."""
    found = STAMP_TIME.fullmatch(raw.decode("utf-8", "replace"))
    seconds = moment("{}-{}-{}T{}:{}:{}Z".format(*found.groups())) if found else None
    if seconds is None:
        raise Wrong("a time that is not in its one form")
    return seconds


def certificate_time(value):
    tag, raw, _ = value
    if tag == 0x17 and len(raw) == 13:
        return stamp_time((b"20" if raw < b"5" else b"19") + raw)
    if tag == 0x18 and len(raw) == 15:
        return stamp_time(raw)
    raise Wrong("a certificate's time is not in its one form")


def shown(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Certificate:
    """A certificate as read; whether it may be believed is another matter."""

    def __init__(self, whole):
        self.whole = whole
        outer = only(whole)
        (_, body, self.signed), (_, algorithm, _), self.signature = outer.take(0x30), outer.take(0x30), outer.bits()
        outer.end()
        inside = Der(body)
        version = inside.maybe(0xA0)
        if not version or version[1] != b"\2\1\2":
            raise Wrong("a certificate of another version than 3")
        self.serial = inside.take(0x02)[1]
        if inside.take(0x30)[1] != algorithm:
            raise Wrong("a certificate that names two algorithms")
        self.issuer = inside.take(0x30)[2]
        validity = inside.inside()
        self.begins, self.ends = certificate_time(validity.next()), certificate_time(validity.next())
        validity.end()
        self.subject, self.key = inside.take(0x30)[2], key_of(inside.take(0x30)[1])
        inside.maybe(0x81), inside.maybe(0x82)
        extensions = inside.maybe(0xA3)
        inside.end()
        self.scheme = scheme_of(algorithm)
        self.is_authority, self.below, self.usage, self.purposes, self.critical_purposes = False, None, None, None, False
        self.key_id, self.unknown = None, False
        seen = set()
        listed = only(extensions[1]) if extensions else Der(b"")
        while listed.more():
            oid = self.extension(listed.inside())
            if oid in seen or len(seen) >= CERTIFICATES_MAX:
                raise Wrong("a certificate with one extension twice, or with too many")
            seen.add(oid)

    def extension(self, inside):
        oid, flag, value = inside.take(0x06)[1], inside.maybe(0x01), inside.take(0x04)[1]
        inside.end()
        if flag and flag[1] != b"\xff":
            raise Wrong("DER: a flag that is not in its one form")
        if oid == b"\x55\x1d\x13":
            inner = only(value)
            flagged = inner.maybe(0x01)
            self.is_authority = bool(flagged) and flagged[1] == b"\xff"
            if inner.more():
                self.below = int.from_bytes(inner.unsigned()[:8], "big")
            inner.end()
        elif oid == b"\x55\x1d\x0f":
            raw = only(value, 0x03).raw
            self.usage = raw[1] if len(raw) > 1 else 0
        elif oid == b"\x55\x1d\x25":
            inner, self.purposes, self.critical_purposes = only(value), [], bool(flag)
            while inner.more():
                self.purposes.append(inner.take(0x06)[1])
        elif oid == b"\x55\x1d\x0e":
            self.key_id = only(value, 0x04).raw
        elif oid != b"\x55\x1d\x20" and flag:
            self.unknown = True
        return oid

    def name(self):
        try:
            parts, found = only(self.subject), None
            while parts.more():
                one = parts.inside(0x31)
                while one.more():
                    pair = one.inside()
                    kind, (tag, value, _) = pair.take(0x06)[1], pair.next()
                    if kind == b"\x55\x04\x03" and tag in (0x0C, 0x13, 0x16):
                        try:
                            found = value.decode("utf-8")
                        except UnicodeDecodeError:
                            found = None
        except Wrong:
            found = None
        return found or "certificate " + hashlib.sha256(self.whole).hexdigest()

    def fault_at(self, seconds, depth):
        """Why it may not sign time-stamps (depth 0) or stand above so many certificates at a time, or None."""
        if depth == 0:
            if self.purposes != [TIME_STAMPING] or not self.critical_purposes:
                return "the certificate is not marked, critically, for time-stamps alone"
            if self.usage is not None and not self.usage & 0xC0:
                return "the certificate's key is not for signing"
        else:
            if not self.is_authority or (self.usage is not None and not self.usage & 0x04):
                return "a certificate above it is not that of an authority"
            if self.below is not None and self.below < depth - 1:
                return "a certificate above it does not allow so many below"
            if self.purposes is not None and not {TIME_STAMPING, ANY_PURPOSE} & set(self.purposes):
                return "a certificate above it is not for time-stamps"
        if self.unknown:
            return "a certificate has a critical extension that is not known here"
        if not self.begins <= seconds <= self.ends:
            return f"a certificate holds from {shown(self.begins)} to {shown(self.ends)}, and the time is {shown(seconds)}"
        return None


def read_roots(name):
    """The certificates of the auditor's file."""
    try:
        lines = read_file(name, ROOTS_MAX).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise Wrong("not UTF-8") from None
    found, inside = [], None
    for line in (line.strip() for line in lines):
        if inside is None:
            inside = "" if line == "-----BEGIN CERTIFICATE-----" else None
        elif line == "-----END CERTIFICATE-----":
            found.append(Certificate(unbase64(inside)))
            inside = None
        else:
            inside += line
    if not 1 <= len(found) <= CERTIFICATES_MAX or inside is not None:
        raise Wrong(f"not one to {CERTIFICATES_MAX} certificates in PEM")
    return found


class Token:
    """A token that is over `data` and signed by the certificate it names: `time`, `signer`, and certificates `beside`."""

    def __init__(self, raw, data):
        outer = only(raw)
        if outer.take(0x06)[1] != SIGNED_DATA:
            raise Wrong("a token that is no signed data")
        signed = outer.take(0xA0)[1]
        outer.end()
        inside = only(signed)
        inside.take(0x02), inside.take(0x31)
        wrapped = inside.inside()
        if wrapped.take(0x06)[1] != STATEMENT:
            raise Wrong("what is signed is no time-stamp")
        content = only(wrapped.take(0xA0)[1], 0x04).raw
        wrapped.end()
        certificates = self.certificates(inside.maybe(0xA0))
        inside.maybe(0xA1)
        signers = inside.inside(0x31)
        inside.end()
        info = signers.inside()
        signers.end()
        self.time, imprint = self.statement(content)
        if imprint != hashlib.sha256(data).digest():
            raise Wrong("the token is over something else: its hash is another")
        self.signer = self.verify(info, content, certificates)
        self.beside = [other for other in certificates if other is not self.signer]

    def certificates(self, value):
        if not value:
            raise Wrong("a token without certificates")
        found, inside, count = [], Der(value[1]), 0
        while inside.more():
            count += 1
            if count > CERTIFICATES_MAX:
                raise Wrong(f"more than {CERTIFICATES_MAX} certificates in a token")
            raw = inside.next()[2]
            try:
                found.append(Certificate(raw))
            except Wrong:  # one that cannot be read neither signs nor vouches
                pass
        return found

    def statement(self, content):
        inside = only(content)
        if inside.unsigned() != b"\1":
            raise Wrong("a time-stamp of another version than 1")
        if not is_identifier(inside.take(0x06)[1]):
            raise Wrong("DER: an object identifier that cannot be read")
        imprint = inside.inside()
        hash_name, digest = hash_named(imprint.take(0x30)[1]), imprint.take(0x04)[1]
        imprint.end()
        if hash_name != "SHA256":
            raise Wrong("a time-stamp over another hash than SHA-256")
        inside.take(0x02)
        seconds = stamp_time(inside.take(0x18)[1])
        inside.maybe(0x30), inside.maybe(0x01)
        if inside.more() and inside.raw[inside.at] == 0x02:
            inside.unsigned()
        inside.maybe(0xA0)
        if inside.maybe(0xA1):
            raise Wrong("a time-stamp with extensions, of which none is known here")
        inside.end()
        return seconds, digest

    def verify(self, info, content, certificates):
        info.take(0x02)
        by, hash_name, attributes = info.next(), hash_named(info.take(0x30)[1]), info.maybe(0xA0)
        if not attributes:
            raise Wrong("a token that signs no attributes")
        scheme, signature = scheme_of(info.take(0x30)[1], hash_name), info.take(0x04)[1]
        info.maybe(0xA1)
        info.end()
        signer = next((certificate for certificate in certificates if is_by(by, certificate)), None)
        if not signer:
            raise Wrong("the certificate that signed is not in the token")
        if not verifies(signer.key, scheme, b"\x31" + attributes[2][1:], signature):
            raise Wrong("the signature does not verify")
        found, listed = {}, Der(attributes[1])
        while listed.more():
            attribute = listed.inside()
            found.setdefault(attribute.take(0x06)[1], []).append(attribute.take(0x31)[1])
            attribute.end()
        if value_of(found, CONTENT_TYPE, 0x06) != STATEMENT:
            raise Wrong("the signature is over something that is no time-stamp")
        if value_of(found, MESSAGE_DIGEST, 0x04) != digest_of(hash_name, content):
            raise Wrong("the signature is over another statement")
        bindings = [(value_of(found, oid, 0x30), newer) for newer, oid in enumerate(BINDINGS)]
        if all(value is None for value, _ in bindings):
            raise Wrong("the signature does not name its certificate")
        if any(value is not None and not binds(value, newer, signer) for value, newer in bindings):
            raise Wrong("the signature names another certificate")
        return signer

    def trusted(self, roots):
        """Whether the way up leads to a root, and all of it holds; False when nothing links to one."""
        faults, tries = [], 0

        def up(way):
            nonlocal tries
            last = way[-1]
            if any(root.whole == last.whole for root in roots):
                fault = next((f for f in (one.fault_at(self.time, depth) for depth, one in enumerate(way)) if f), None)
                if fault:
                    faults.append(fault)
                return not fault
            if len(way) > DEPTH_ABOVE_MAX:
                return False
            for above in roots + self.beside:
                if above.subject != last.issuer or above.whole == last.whole:
                    continue
                tries += 1
                if tries > TRIES_MAX:
                    return False
                if verifies(above.key, last.scheme, last.signed, last.signature) and up(way + [above]):
                    return True
            return False

        if up([self.signer]):
            return True
        if faults:
            raise Wrong(faults[0])
        return False


def is_identifier(oid):
    """Whether bytes are an object identifier whose numbers fit into 64 bits."""
    if not oid or oid[-1] >= 0x80:
        return False
    number, fresh = 0, True
    for byte in oid:
        if fresh and byte == 0x80:
            return False
        number = number << 7 | byte & 0x7F
        if number >= 2**64:
            return False
        fresh = byte < 0x80
        number = 0 if fresh else number
    return True


def is_by(by, certificate):
    if by[0] == 0x80:
        return certificate.key_id == by[1]
    try:
        inside = Der(by[1])
        return by[0] == 0x30 and inside.take(0x30)[2] == certificate.issuer and inside.take(0x02)[1] == certificate.serial
    except Wrong:
        return False


def value_of(attributes, oid, tag):
    """The content of the one value of an attribute, or None; one of another tag is none."""
    sets = attributes.get(oid, [])
    if not sets:
        return None
    inside = Der(sets[0])
    found = inside.next()
    if len(sets) > 1 or inside.more():
        raise Wrong("an attribute that is there twice")
    return found[1] if found[0] == tag else b""


def binds(value, newer, certificate):
    first = Der(value).inside().inside()
    algorithm = first.maybe(0x30)
    if not newer:
        if algorithm:
            raise Wrong("DER: a hash is missing")
        return first.take(0x04)[1] == hashlib.sha1(certificate.whole).digest()
    name = hash_named(algorithm[1]) if algorithm else "SHA256"
    return first.take(0x04)[1] == digest_of(name, certificate.whole)


TOKEN_FILE = re.compile(r"(0|[1-9][0-9]{0,18})\.(note|token)")


def token_sizes(export, log_size, report):
    """Sizes that there are time-stamps for, each with the halves that are there."""
    found = {}
    try:
        items = export.listing("tokens")
    except (Absent, Wrong) as why:
        report.fail(why, "tokens")
        return found
    for item in items:
        path, name = f"tokens/{item.name}", TOKEN_FILE.fullmatch(item.name)
        if not item.is_file(follow_symlinks=False):
            report.add("wrong", "not a regular file", path)
        elif not name or not 1 <= int(name[1]) <= log_size:
            report.add("wrong", "surplus: no file of a time-stamp of this log is called so", path)
        else:
            found.setdefault(int(name[1]), set()).add(name[2])
    if len(found) > TOKENS_MAX:
        report.add("wrong", f"more than {TOKENS_MAX} time-stamps", "tokens")
        return {}
    return found


def open_tokens(export, roots, key, log_size, report):
    """The time-stamps by trusted authorities, as (size, root, time, authority), the smallest first."""
    waiting, strange = [], 0
    for size, halves in sorted(token_sizes(export, log_size, report).items()):
        if len(halves) < 2:
            lacking = "token" if "note" in halves else "note"
            report.add("absent", "the file is missing, and its other half is there", f"tokens/{size}.{lacking}")
            continue
        path = f"tokens/{size}.note"
        try:
            note = export.read(path, NOTE_MAX)
            path = f"tokens/{size}.token"
            raw = export.read(path, TOKEN_MAX)
            path = f"tokens/{size}.note"
            _, note_size, root, _ = open_checkpoint(note, key)
            if note_size != size:
                raise Wrong(f"the checkpoint is of {note_size} entries")
            path = f"tokens/{size}.token"
            token = Token(raw, note)
            if token.trusted(roots):
                waiting.append((size, root, token.time, token.signer.name()))
            else:
                strange += 1
        except (Absent, Wrong) as why:
            report.fail(why, path)
    if strange:
        report.notes.append(f"{strange} tokens are by authorities that lead to none of the roots given; they count for nothing")
    return waiting


def judge_tokens(waiting, roots, report):
    """Holds the time-stamps against the roots over as many entries."""
    ahead = False
    for size, root, seconds, authority in waiting:
        told = roots.get(size)
        if told is None:
            continue
        if told != root:
            report.add("wrong", f"a time-stamp is over other first {size} entries than those that are here", f"tokens/{size}.note")
            continue
        latest = moment(report.latest_at.get(size, "")) or 0
        if latest > seconds + AHEAD_MAX and not ahead:
            ahead = True
            at = shown(seconds)
            what = f"among the first {size} entries, which existed at {at}, some claim a later time: the server's clock was ahead"
            report.notes.append(what)
        report.tokens_checked += 1
        report.stamped, report.time_stamps = {"size": size, "time": seconds, "tsa": authority}, "met"


# --- The tree, and the names of its tiles [5, 6] ----------------------------------------------------------------------


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """The tree over the hashes pushed so far, kept as its full subtrees, the largest first."""

    def __init__(self, hashes=()):
        self.peaks = []
        for digest in hashes:
            self.push(digest)

    def push(self, digest):
        height = 0
        while self.peaks and self.peaks[-1][0] == height:
            digest = node_hash(self.peaks.pop()[1], digest)
            height += 1
        self.peaks.append((height, digest))

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            root = node_hash(left, root)
        return root

    def root_with(self, digest):
        """The root after one more push, which is not done."""
        other = Tree()
        other.peaks = list(self.peaks)
        other.push(digest)
        return other.root()


def hashes_at(kind, size):
    """How many hashes a level has, or entries there are: `kind` is a level or "entries"."""
    return size >> (8 * (0 if kind == "entries" else kind))


def files_at(kind, size):
    return -(-hashes_at(kind, size) // WIDTH)


def width_of(kind, index, size):
    """How many of its 256 places a file of the log has filled."""
    return min(WIDTH, hashes_at(kind, size) - WIDTH * index)


def path_of(kind, index, size):
    """The name of a bundle or hash tile that a log of this size has."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    width = width_of(kind, index, size)
    return f"tile/{kind}/{name}" + ("" if width == WIDTH else f".p/{width}")


PLACE = re.compile(r"tile/(entries|[0-9])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/[0-9]{1,3})?")


def place_of(path, size):
    """Kind and index of a file if a log of this size has one of exactly this name."""
    found = PLACE.fullmatch(path)
    if not found:
        return None
    kind = found[1] if found[1] == "entries" else int(found[1])
    index = int(re.sub("[x/]", "", found[2]))
    belongs = index < files_at(kind, size) and path_of(kind, index, size) == path
    return (kind, index) if belongs else None


# --- Files of an export [6] -------------------------------------------------------------------------------------------


class Export:
    """A folder. `read` takes regular files only and no more of them than asked for."""

    def __init__(self, folder):
        self.folder = folder

    def read(self, path, limit):
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        full = os.path.join(self.folder, path)
        try:
            if not stat.S_ISREG(os.lstat(full).st_mode):
                raise Wrong("not a regular file")
            with open(os.open(full, flags), "rb") as file:
                raw = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise Absent("the file is missing") from None
        except OSError as why:
            raise Absent(f"the file cannot be read: {os.strerror(why.errno)}") from None
        if len(raw) > limit:
            raise Wrong(f"longer than the {limit} bytes it may have")
        return raw

    def listing(self, path):
        """What lies in a folder, by name."""
        full = os.path.join(self.folder, path)
        if os.path.islink(full) or (os.path.exists(full) and not os.path.isdir(full)):
            raise Wrong("not a folder")
        try:
            with os.scandir(full) as found:
                return sorted(found, key=lambda item: item.name)
        except FileNotFoundError:
            return []
        except OSError as why:
            raise Absent(f"the folder cannot be read: {os.strerror(why.errno)}") from None

    def files(self, path, size, report):
        """What is below a folder and is no folder itself or has the name of a file of the log: path, place, entry."""
        folders = [(path, FOLDERS_MAX)]
        while folders:
            folder, depth_left = folders.pop()
            try:
                items = self.listing(folder)
            except (Absent, Wrong) as why:
                report.fail(why, folder)
                continue
            deeper = []
            for item in items:
                below = f"{folder}/{item.name}"
                place = place_of(below, size)
                if item.is_dir(follow_symlinks=False) and not place and depth_left:
                    deeper.append((below, depth_left - 1))
                else:
                    yield below, place, item
            folders += reversed(deeper)


def survey(export, size, report):
    """Names every file under `tile` that does not belong there; gives the indexes of those that do, by kind."""
    present = {}
    for path, place, item in export.files("tile", size, report):
        if not place:
            report.add("wrong", f"surplus: a log of {size} entries has no such file", path)
            continue
        kind, index = place
        present.setdefault(kind, array.array("Q")).append(index)
        if kind == "entries":
            continue
        if not item.is_file(follow_symlinks=False):
            report.add("wrong", "not a regular file", path)
        elif item.stat(follow_symlinks=False).st_size != 32 * width_of(kind, index, size):
            report.add("wrong", f"the tile is not {width_of(kind, index, size)} hashes of 32 bytes", path)
    return {kind: array.array("Q", sorted(indexes)) for kind, indexes in present.items()}


def gaps(indexes, total, start=0):
    """From `start` to `total`: each index that is there as (index, None), each range that is not as (first, end)."""
    at = start
    for index in itertools.chain(indexes[bisect.bisect_left(indexes, start) : bisect.bisect_left(indexes, total)], [total]):
        if index > at:
            yield at, index
        if index < total:
            yield index, None
        at = index + 1


def name_missing_tiles(present, size, report):
    """Hash tiles are there all or none. Gives how many there must be."""
    levels = [level for level in range(8) if files_at(level, size)]
    if not any(present.get(level) for level in levels):
        return 0
    for level in levels:
        for first, end in gaps(present.get(level, ()), files_at(level, size)):
            if end is not None:
                report.add_missing(level, first, end, size)
    return sum(files_at(level, size) for level in levels)


# --- Report [12] ------------------------------------------------------------------------------------------------------

NOT_CHECKED = (
    "growth: whether the log has grown since this checkpoint, but for what witnesses and kept checkpoints show",
    "completeness: whether every act was entered, and whether what was entered is true",
    "time: `ts` is the server's clock, and times of cosignatures are the witnesses' word",
    "revocation of the certificates of time-stamps, which count only where their roots are given",
    "commitments, but for the values that lie beside the log",
    "that each `id` is unique",
)
VERDICTS = {0: "ok", 1: "wrong", 2: "incomplete"}
TITLES = {
    0: "OK: every entry is as it was signed",
    1: "WRONG: what is here is not what was signed",
    2: "INCOMPLETE: something that must be here is absent or cannot be read",
    3: "POLICY NOT MET: every entry is as it was signed, but witnesses or time-stamps do not show what was asked",
}


def clean(text):
    """Text as it may be printed: bytes of a file name that are not UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Report:
    """What was found. The exit status follows from it and from nothing else."""

    def __init__(self):
        self.key = self.origin = self.size = self.root = self.computed_root = None
        self.entries_checked = self.tiles_checked = self.total = self.minimum_index = 0
        self.values_checked = None
        self.kinds, self.findings, self.notes = set(), [], []
        self.epochs, self.sealed_from, self.pin = None, None, "not_asked"
        self.quorum, self.freshness, self.quorum_time, self.fresh = "not_asked", "not_asked", None, (None, None, None)
        self.cosigned, self.kept = [], []
        self.time_stamps, self.stamped, self.tokens_checked = "not_asked", None, 0
        self.first = self.rank = None  # wrong before absent, entries before files, bundles before hash tiles

    def add(self, kind, what, path=None, seq=None, differs=False):
        """A finding names an entry or a file; where a bundle cannot be taken apart, both. `differs` marks an entry that is
        not the one of which hash tiles tell that add up to the signed root."""
        finding = {"kind": kind, "path": path and clean(path), "seq": seq, "what": clean(str(what))}
        self.kinds.add(kind)
        self.total += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
        rank = (kind != "wrong", not differs, seq is None, seq or 0, not (path or "").startswith("tile/entries/"))
        if self.first is None or rank < self.rank:
            self.first, self.rank = finding, rank

    def fail(self, why, path=None, seq=None):
        self.add("absent" if isinstance(why, Absent) else "wrong", why, path, seq)

    def add_missing(self, kind, first, end, size):
        """Files `first` to `end` of a kind are missing: one finding."""
        more = f", and {end - first - 1} after it" if end - first > 1 else ""
        self.add("absent", "the file is missing" + more, path_of(kind, first, size))

    def integrity(self):
        return 1 if "wrong" in self.kinds else 2 if self.kinds else 0

    def exit(self):
        return self.integrity() or (3 if "not_met" in (self.quorum, self.freshness, self.time_stamps) else 0)

    def to_json(self):
        """Canonical JSON has no integer above 2^53 − 1; a larger one is null."""
        values = {
            "computed_root": self.computed_root and tobase64(self.computed_root),
            "cosignatures": self.cosigned,
            "entries_checked": self.entries_checked,
            "epoch_key": self.pin,
            "epochs": self.epochs,
            "exit": self.exit(),
            "findings": self.findings,
            "findings_total": self.total,
            "first_bad": self.first,
            "freshness": self.freshness,
            "integrity": VERDICTS[self.integrity()],
            "kept_checkpoints": self.kept,
            "key": self.key and self.key.short,
            "max_age": self.fresh[0],
            "minimum_index": self.minimum_index,
            "not_checked": list(NOT_CHECKED),
            "notes": self.notes,
            "now": self.fresh[1],
            "now_by": self.fresh[2],
            "origin": self.origin,
            "quorum": self.quorum,
            "quorum_time": self.quorum_time,
            "root": self.root and tobase64(self.root),
            "sealed_from": self.sealed_from,
            "size": self.size,
            "tiles_checked": self.tiles_checked,
            "time_stamped": self.stamped,
            "time_stamps": self.time_stamps,
            "tokens_checked": self.tokens_checked,
            "values_checked": self.values_checked,
        }
        return json.dumps(in_range(values), ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"

    def to_text(self):
        lines = [TITLES[self.exit()]]
        if self.first:
            lines.append("  first bad   " + told(self.first))
        if self.root is not None:
            lines.append(f"  entries     {self.entries_checked} of {self.size} checked")
            lines.append(f"  pruned      entries below {self.minimum_index}")
            lines.append(f"  values      {self.values_checked} opened ones checked")
            lines.append(f"  hash tiles  {self.tiles_checked} checked")
            lines.append(f"  root        {tobase64(self.root)}")
            lines.append(f"  origin      {self.origin}")
        if self.key:
            lines.append(f"  key         {self.key.short}")
        if self.epochs is not None:
            lines.append(f"  epochs      {self.epochs}, sealed from entry {self.sealed_from} on")
        if self.pin != "not_asked":
            lines.append(f"  epoch key   {self.pin}")
        for kept in self.kept:
            lines.append(f"  kept        {quote(kept['file'])}: {kept['state']}")
        for cosigned in self.cosigned:
            lines.append(f"  cosigned    {cosigned['time']} s after 1970 by {cosigned['witness']} ({cosigned['key']})")
        if self.quorum != "not_asked":
            lines.append(f"  quorum      {self.quorum}, time {self.quorum_time}")
        if self.freshness != "not_asked":
            lines.append("  freshness   {}: at most {} s before {} (by: {})".format(self.freshness, *self.fresh))
        if self.stamped:
            lines.append("  time-stamped: the first {size} entries existed at {at}, by {tsa}".format(at=shown(self.stamped["time"]), **self.stamped))
        elif self.time_stamps == "not_met":
            lines.append("  time-stamped: by no authority under the roots given")
        lines += ["Findings"] * bool(self.findings) + ["  - " + told(finding) for finding in self.findings]
        if self.total > len(self.findings):
            lines.append(f"  - and {self.total - len(self.findings)} more")
        lines += ["Notes"] * bool(self.notes) + ["  - " + note for note in self.notes]
        lines += ["Not checked"] + ["  - " + part for part in NOT_CHECKED]
        return "".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", "\ufffd", line) + "\n" for line in lines)


def in_range(value):
    if type(value) is dict:
        return {key: in_range(item) for key, item in value.items()}
    if type(value) is list:
        return [in_range(item) for item in value]
    return None if type(value) is int and value > INTEGER_MAX else value


def told(finding):
    place = f"entry {finding['seq']}" if finding["seq"] is not None else None
    return ": ".join(part for part in (finding["path"], place, finding["what"]) if part)


# --- Hash tiles [5, 6] ------------------------------------------------------------------------------------------------


class Tiles:
    """Makes every hash tile anew from the hashes below it and compares. A hash that cannot be known is None."""

    def __init__(self, export, size, report):
        self.export, self.size, self.report = export, size, report
        self.rows, self.closed = {}, {}

    def push(self, digest, level=0):
        row = self.rows.setdefault(level, [])
        row.append(digest)
        if len(row) == WIDTH:
            self.compare(level)
            self.rows[level] = []
            self.closed[level] = self.closed.get(level, 0) + 1
            self.push(None if None in row else Tree(row).root(), level + 1)

    def skip(self, count, level=0):
        """`count` hashes cannot be known. Of whole tiles of those nothing is compared."""
        while count and self.rows.get(level):
            self.push(None, level)
            count -= 1
        if count >= WIDTH:
            self.closed[level] = self.closed.get(level, 0) + count // WIDTH
            self.skip(count // WIDTH, level + 1)
        self.rows.setdefault(level, []).extend([None] * (count % WIDTH))

    def fill(self, index, start, width):
        """The entries of a bundle from `start` on cannot be read. What level 0 says of them stands in for them."""
        try:
            hashes = tile_hashes(self.export, index, self.size)
        except (Absent, Wrong):
            hashes = [None] * width
        for digest in hashes[start:width]:
            self.push(digest)

    def finish(self):
        for level in sorted(self.rows):
            if self.rows[level]:
                self.compare(level)

    def compare(self, level):
        """Whether a tile is there and in form was told before, so here that is passed over."""
        row, index = self.rows[level], self.closed.get(level, 0)
        path = path_of(level, index, self.size)
        try:
            raw = self.export.read(path, 32 * len(row))
        except (Absent, Wrong):
            return
        if len(raw) != 32 * len(row):
            return
        self.report.tiles_checked += 1
        for at, digest in enumerate(row):
            if digest is not None and raw[32 * at : 32 * at + 32] != digest:
                self.report.add("wrong", f"hash {at} of the tile does not follow from the entries", path)
                return


def tile_hashes(export, index, size):
    """The hashes of a tile of level 0."""
    width = width_of(0, index, size)
    raw = export.read(path_of(0, index, size), 32 * width)
    if len(raw) != 32 * width:
        raise Wrong("the tile is too short")
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]


def tiles_add_up(export, size, root):
    """Whether the hash tiles of level 0 lead to the signed root, so that they say what each entry was; or None if not
    all of them can be read."""
    tree = Tree()
    try:
        for index in range(files_at(0, size)):
            for digest in tile_hashes(export, index, size):
                tree.push(digest)
    except (Absent, Wrong):
        return None
    return tree.root() == root


# --- Epochs [14] ------------------------------------------------------------------------------------------------------


def rotation_of(entry, origin):
    """Number of the epoch that an entry ends and the key of the next; or None where it ends none."""
    if entry["action"] != "epoch.rotate" or entry["outcome"] != "ok":
        return None
    data = entry.get("data")
    if type(data) is not dict or set(data) != {"n", "next_vkey"} or type(data["n"]) is not int or data["n"] < 0:
        raise Wrong("an entry that ends an epoch has `n`, from 0 on, and `next_vkey` as its data, and nothing else")
    if type(data["next_vkey"]) is not str:
        raise Wrong("`next_vkey` is not a text")
    key = Key(data["next_vkey"])
    if key.name != origin + "/epoch":
        raise Wrong(f"`next_vkey` is a key of {quote(key.name)}, which is not the name of this log's epochs")
    return data["n"], key


class Epochs:
    """Follows the keys that the entries name, and holds the checkpoints that ended epochs against them."""

    def __init__(self, export, log_key, pin, report, raw):
        self.export, self.log_key, self.pin, self.report, self.raw = export, log_key, pin, report, raw
        self.number, self.end, self.first = 0, 0, None  # the epoch that runs, and the sizes that ended the last and epoch 0
        self.old = self.key = None
        self.pinned = self.lost = False

    def push(self, place, entry, origin, tree):
        """An entry that is in form and at its place, with all before it."""
        if self.lost:
            return
        try:
            told = rotation_of(entry, origin)
            if told is None:
                return
            number, key = told
            if number != self.number:
                raise Wrong(f"epoch {number} ends where epoch {self.number} runs")
            if self.key and self.key.public == key.public:
                raise Wrong("the next key is the one that the epoch had already")
        except Wrong as why:
            self.lost = True
            self.report.add("wrong", why, seq=place)
            return
        if self.key:
            self.check_end(place + 1, tree.root())
        self.pinned = self.pinned or (self.pin is not None and (self.pin.name, self.pin.public) == (key.name, key.public))
        if self.first is None:
            self.first = place + 1
        self.old, self.key, self.number, self.end = self.key, key, self.number + 1, place + 1

    def check_end(self, size, root):
        path = f"epoch/{self.number}"
        try:
            raw = self.export.read(path, NOTE_MAX)
            _, there, signed, _ = open_checkpoint(raw, self.log_key)
            if there != size:
                raise Wrong(f"it is of {there} entries, and epoch {self.number} ended with {size}")
            if signed != root:
                raise Wrong(f"its root is not that of the first {size} entries")
            open_note(raw, self.key)
        except (Absent, Wrong) as why:
            self.report.add("wrong", f"the checkpoint that ended epoch {self.number}: {why}", path)

    def finish(self, origin, size, start, whole):
        known = whole and not self.lost
        if known:
            self.report.epochs, self.report.sealed_from = self.number, self.first
            key = self.key if size > self.end else self.old
            if key:
                try:
                    open_note(self.raw, key)
                except Wrong as why:
                    self.report.add("wrong", f"the seal of the epoch: {why}", "checkpoint")
            self.look_for_others()
        if known and start and not self.number and epoch_lines(self.raw, origin):
            self.report.add("absent", "the checkpoint bears the seal of an epoch that no entry here names", RETAINED)
        if self.pin:
            self.report.pin = "named" if self.pinned else "not_named" if known else "not_told"
        if self.report.pin == "not_named":
            self.report.add("wrong", "the epoch key given is not one that the log names")

    def look_for_others(self):
        """Only the ends of epochs 1 to the one before the last belong there."""
        try:
            names = [item.name for item in self.export.listing("epoch")]
        except Absent:
            return
        except Wrong as why:
            self.report.add("wrong", why, "epoch")
            return
        for name in names:
            if not DECIMAL.fullmatch(name) or not 1 <= int(name) < self.number:
                self.report.add("wrong", "surplus: no epoch of this log ended so", "epoch/" + name)


# --- Entries and their chain [2, 4, 12] -------------------------------------------------------------------------------


class Chain:
    """Takes the entries in their order and names the first that is not as it was."""

    def __init__(self, origin, size, root, report, marks, epochs):
        self.origin, self.size, self.root, self.report, self.epochs = origin, size, root, report, epochs
        self.marks = dict.fromkeys(marks)  # sizes at which the root is wanted, and the roots
        self.place, self.tree, self.whole = 0, Tree(), True
        self.before = bytes(32)  # the hash that the next entry must name, None if it cannot be known
        self.blamed = False  # whether the entry before was named already
        self.doubt = None  # a link that does not hold: place and hash of the later entry with the right `_prev`
        self.time, self.backward, self.latest = "", 0, ""
        self.runs, self.steps, self.largest = {}, 0, None  # of each run the last two times; how often they parted, and where most
        self.latest_at = {}  # at each mark the latest time of an entry so far

    def blame(self, seq, what, differs=False):
        self.report.add("wrong", what, seq=seq, differs=differs)

    def push(self, leaf, signed):
        """One entry; `signed` is its hash as tiles tell it that add up to the signed root, or None."""
        digest, place = leaf_hash(leaf), self.place
        entry, fault = judge(leaf, self.origin, place)
        in_form = not fault
        differs = signed is not None and digest != signed
        if differs:
            fault = "not the entry whose hash is in tile/0, and the hashes there add up to the signed root"
        named = named_before(entry, place)
        self.settle(named)
        if fault:
            self.blame(place, fault, differs)
        elif entry["ts"] < self.time:
            self.backward += 1
        if not fault:
            self.time, self.latest = entry["ts"], max(self.latest, entry["ts"])
            self.tick(entry)
        self.link(leaf, named, bool(fault), differs)
        self.tree.push(digest)
        self.before, self.place = digest, place + 1
        if self.whole and self.place in self.marks:
            self.marks[self.place] = self.tree.root()
            self.latest_at[self.place] = self.latest
        if self.whole and in_form:
            self.epochs.push(place, entry, self.origin, self.tree)
        self.report.entries_checked += 1

    def tick(self, entry):
        """Within one run, the clock that can be set and the one that cannot must go on alike, but for two seconds and a hundredth."""
        wall = moment(entry["ts"])
        if wall is None:
            return
        wall, mono = wall * 1_000_000 + int(entry["ts"][20:26]), entry["mono_us"]
        before = self.runs.get(entry["boot"])
        self.runs[entry["boot"]] = (wall, mono)
        if before is None:
            if len(self.runs) > RUNS_MAX:
                del self.runs[next(iter(self.runs))]
            return
        lasted = mono - before[1]
        step = wall - before[0] - lasted
        if abs(step) > PART_MAX + abs(lasted) // 100:
            self.steps += 1
            if self.largest is None or abs(step) > abs(self.largest[1]):
                self.largest = (self.place, step)

    def link(self, leaf, named, fault, differs):
        """Compares what the entry names with the entry before. Who is to blame, the entry after tells."""
        before_blamed, self.blamed = self.blamed, fault
        if None in (named, self.before) or named == self.before or before_blamed or differs:
            return
        if self.place == 0:
            if not fault:
                self.blame(0, "`_prev` of the first entry is not 32 zero bytes")
            self.blamed = True
            return
        right = leaf_hash(leaf[:10] + tobase64(self.before).encode("ascii") + leaf[54:])
        self.doubt = (self.place, right, fault, self.whole and self.tree.root_with(right))

    def settle(self, successor_names, last=False):
        """Decides a link in doubt, now that it is known what the next entry names, or that none follows."""
        if not self.doubt:
            return
        place, right, fault, root = self.doubt
        self.doubt = None
        if successor_names == right or (last and place == self.size - 1 and root == self.root):
            if not fault:
                self.blame(place, "`_prev` is not the hash of the entry before, and only it was changed")
            self.blamed = True
        else:
            self.blame(place - 1, f"entry {place} does not name its hash in `_prev`")

    def stand(self, digest, rotation=None):
        """The hash of an entry that was pruned, before the first that is there; and the entry, if it ended an epoch."""
        self.tree.push(digest)
        self.before, self.place = digest, self.place + 1
        if self.place in self.marks:
            self.marks[self.place] = self.tree.root()
            self.latest_at[self.place] = self.latest
        if rotation:
            self.epochs.push(self.place - 1, rotation, self.origin, self.tree)

    def skip(self, count):
        """`count` entries cannot be read."""
        if count:
            self.settle(None)
            self.place += count
            self.before, self.blamed, self.whole, self.time, self.runs = None, False, False, "", {}

    def finish(self):
        self.settle(None, last=True)
        if self.whole:
            self.report.computed_root = self.tree.root()
        if self.backward:
            self.report.notes.append(f"{self.backward} entries carry an earlier time than the entry before them")
        if self.largest:
            place, step = self.largest
            way = "back" if step < 0 else "forward"
            what = f"the server's clock was set {self.steps} times while it ran, at most by {abs(step) // 1_000_000} s {way}, before entry {place}"
            self.report.notes.append(what)
        if not self.whole or self.report.computed_root == self.root:
            return
        if self.report.first is None or self.report.first["seq"] is None:
            what = "the root is not the signed one though every link holds: this entry was changed, or the checkpoint,"
            self.blame(self.size - 1, what + " or the log was chained anew; these cannot be told apart here")


def named_before(entry, place):
    """The hash that an entry names in `_prev`, if it can be read and stands at its place."""
    if type(entry) is not dict or entry.get("_seq") != place or type(entry.get("_prev")) is not str:
        return None
    return hash_of(entry["_prev"]) if is_hash(entry["_prev"]) else None


def frames(raw, width):
    """The leaves of a bundle. Raises where its bytes end too early or go on too long."""
    at = 0
    for _ in range(width):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if at + 2 > len(raw) or end > len(raw):
            raise Wrong("the bundle ends before this entry does")
        yield raw[at + 2 : end]
        at = end
    if at != len(raw):
        raise Wrong(f"the bundle goes on after its {width} entries")


# --- What was taken out of a log [14, 15] -----------------------------------------------------------------------------


def at(entry, *path):
    """What stands at a path of an entry, or None."""
    for key in path:
        entry = entry.get(key) if type(entry) is dict else None
    return entry


def micros(text):
    """Microseconds since 1970 of an entry's time, or None."""
    seconds = moment(text) if type(text) is str and TIME.fullmatch(text) else None
    return None if seconds is None else seconds * 1_000_000 + int(text[20:26])


class Acts:
    """Follows the acts that say how long entries are kept and what may be taken out. `start` is the first entry there is."""

    MARKS = tuple(b'"action":"' + name for name in (b"retention.", b"hold.", b'subject.erased"', b'log.pruned"'))

    def __init__(self, start, report):
        self.start, self.report = start, report
        self.days, self.proposal, self.holds, self.erased = DAYS_DEFAULT, None, {}, {}
        self.minimum, self.lost = 0, False
        self.starts = {}  # the time of the first entry of each bundle

    def take(self, place, leaf):
        head = leaf[:128]  # `action` follows `_prev` and `_seq`
        is_one = any(mark in head for mark in self.MARKS)
        if place % WIDTH and not is_one:
            return
        try:
            entry = read_json(leaf)
        except Wrong:
            return
        if type(entry) is not dict:
            return
        if place % WIDTH == 0 and micros(entry.get("ts")) is not None:
            self.starts[place] = micros(entry["ts"])
        name = entry.get("action")
        judge_it = {
            "retention.propose": self.propose,
            "retention.approve": self.approve,
            "hold.place": self.hold,
            "hold.release": self.release,
            "subject.erased": self.erase,
            "log.pruned": self.prune,
        }.get(name if type(name) is str else None)
        if not is_one or entry.get("outcome") != "ok" or not judge_it:
            return
        try:
            judge_it(place, entry, at(entry, "resource", "id"), at(entry, "actor", "id"), entry.get("data"))
        except Wrong as why:
            if not self.lost:
                self.report.add("wrong", why, seq=place)

    def propose(self, place, entry, thing, actor, data):
        days = at(data, "days")
        if type(days) is not int or type(thing) is not str or type(actor) is not str:
            raise Wrong("the proposal lacks its days, its id or its actor")
        self.proposal = (thing, actor, days) if days < self.days else None
        self.days = max(self.days, days)

    def approve(self, place, entry, thing, actor, data):
        if not self.proposal or self.proposal[0] != thing:
            raise Wrong("no retention of this id waits for an approval")
        _, proposer, days = self.proposal
        self.proposal = None
        if type(actor) is not str or actor == proposer:
            raise Wrong("nobody else than the proposer approved the shorter retention")
        self.days = days

    def hold(self, place, entry, thing, actor, data):
        if type(thing) is not str or type(actor) is not str:
            raise Wrong("the hold lacks its id or its actor")
        subject = at(data, "subject")
        self.holds[thing] = (subject if type(subject) is str else None, actor)

    def release(self, place, entry, thing, actor, data):
        held = self.holds.pop(thing, None) if type(thing) is str else None
        if held and (type(actor) is not str or actor == held[1]):
            raise Wrong("nobody else than who placed it released the hold")
        if not held and not self.start:
            raise Wrong("there is no such hold to release")

    def erase(self, place, entry, thing, actor, data):
        subject = at(data, "subject")
        if type(subject) is not str:
            raise Wrong("the erasure lacks its subject")
        is_new = subject not in self.erased
        self.erased.setdefault(subject, place)
        if any(held in (None, subject) for held, _ in self.holds.values()):
            raise Wrong(f"{quote(subject)} was erased under a legal hold")
        if not is_new:
            raise Wrong(f"{quote(subject)} was erased before")

    def prune(self, place, entry, thing, actor, data):
        minimum, days = at(data, "min_index"), at(data, "days")
        if type(minimum) is not int or type(days) is not int:
            raise Wrong("the pruning lacks its minimum or its days")
        if minimum % WIDTH or not self.minimum < minimum <= place:
            raise Wrong(f"{minimum} is no minimum that a log pruned below {self.minimum} can go on to here")
        self.minimum = minimum
        if self.holds:
            raise Wrong("the log was pruned under a legal hold")
        if days < self.days:
            raise Wrong(f"pruned by {days} days where {self.days} were in force")
        now = micros(entry.get("ts"))
        if now is None:
            raise Wrong("the pruning has no time from 1970 on")
        began = self.starts.get(minimum)
        if began is None and minimum >= self.start:
            raise Wrong(f"entry {minimum} has no time from 1970 on")
        if began is not None and began + days * 86_400_000_000 > now:
            raise Wrong(f"entry {minimum} was not {days} days old when those before it were pruned")


def leaves_of(raw):
    """The leaves of a bundle as far as it can be taken apart."""
    at = 0
    while at + 2 <= len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if end > len(raw):
            return
        yield raw[at + 2 : end]
        at = end


def read_bundle(export, index, size):
    """The leaves of a bundle that can be read, at most as many as it must have."""
    try:
        raw = export.read(path_of("entries", index, size), BUNDLE_MAX)
    except (Absent, Wrong):
        return []
    return itertools.islice(leaves_of(raw), width_of("entries", index, size))


def pruned_start(export, present, size, report):
    """How many entries at the beginning are gone because a later one says so; their hashes stand in level 0."""
    bundles, there = files_at("entries", size), present.get("entries", ())
    missing = next((index for index in there), 0)
    if not missing:
        return 0
    claimed = 0
    for index in there:
        # A bundle is read to its end here, whatever it is said to hold.
        try:
            raw = export.read(path_of("entries", index, size), BUNDLE_MAX)
        except (Absent, Wrong):
            continue
        for leaf in leaves_of(raw):
            if b'"action":"log.pruned"' in leaf:
                claimed = max(claimed, claim_of(leaf))
    if not claimed:
        return 0
    if claimed < WIDTH * missing:
        report.add("wrong", f"the first {WIDTH * missing} entries are missing, and those below {claimed} alone were pruned")
        return 0
    try:
        for index in range(missing):
            tile_hashes(export, index, size)
    except (Absent, Wrong):
        return 0
    return WIDTH * missing


def claim_of(leaf):
    try:
        entry = read_json(leaf)
    except Wrong:
        return 0
    minimum = at(entry, "data", "min_index")
    is_claim = at(entry, "action") == "log.pruned" and at(entry, "outcome") == "ok" and type(minimum) is int
    return max(minimum, 0) if is_claim else 0


def lines_of(export, name, limit, report):
    """The lines of a file beside the log. One that is too long or does not end is given as None, and is the last."""
    full = os.path.join(export.folder, name)
    try:
        if not stat.S_ISREG(os.lstat(full).st_mode):
            raise Wrong("not a regular file")
        with open(full, "rb") as file:
            while line := file.readline(limit + 1):
                if not line.endswith(b"\n"):
                    yield None
                    return
                yield line[:-1]
    except FileNotFoundError:
        report.add("absent", "the file is missing", name)
    except OSError as why:
        report.add("absent", f"the file cannot be read: {os.strerror(why.errno)}", name)
    except Wrong as why:
        report.add("wrong", why, name)


def is_retained(action):
    """Whether an entry stays when those around it are pruned."""
    return type(action) is str and (action.startswith("retention.") or action == "epoch.rotate")


def take_retained(export, start, size, origin, acts, report):
    """The entries below the minimum that say how long the others were kept; gives those that ended epochs, by place."""
    following, rotations = 0, {}
    for line in lines_of(export, RETAINED, RETAINED_MAX, report):
        place = None
        try:
            if line is None:
                raise Wrong("a line is no entry")
            entry = read_json(line)
            place = at(entry, "_seq")
            if type(place) is not int or not is_hash(at(entry, "_prev") or ""):
                place = None
                raise Wrong("a line is no entry")
            if not following <= place < start or not is_retained(at(entry, "action")):
                raise Wrong("not an entry that is retained, or out of order")
            if tile_hashes(export, place // WIDTH, size)[place % WIDTH] != leaf_hash(line):
                raise Wrong("not the entry whose hash is in tile/0")
            fault = judge(line, origin, place)[1]
            if fault:
                raise Wrong(fault)
        except (Absent, Wrong) as why:
            report.add("wrong", why, RETAINED, place)
            return rotations
        acts.take(place, line)
        if entry["action"] == "epoch.rotate":
            rotations[place] = entry
        following = place + 1
    return rotations


def committed(entry):
    """Name, commitment and subject of each value that an entry committed to, in their order."""
    actor = at(entry, "actor", "id")
    about = entry.get("subject", actor)
    found = [("actor.name", at(entry, "actor", "name_c"), actor)]
    for change in entry.get("change", []):
        for side in ("before", "after"):
            found.append((f"change.{change['f']}.{side}", change.get(side + "_c"), about))
    found += [("net.ip", at(entry, "net", "ip_c"), actor), ("net.ua", at(entry, "net", "ua_c"), actor)]
    found += [(payload["name"], payload["c"], about) for payload in entry.get("payload", [])]
    found.append(("resource.label", at(entry, "resource", "label_c"), about))
    return [item for item in found if item[1] is not None]


def read_value_line(line):
    """Place, name, and what is said: a pair of key and value, or the word why it is withheld."""
    said = read_json(line)
    place, name, withheld = at(said, "seq"), at(said, "name"), at(said, "withheld")
    if type(place) is not int or place < 0 or type(name) is not str:
        raise Wrong("not a line about a value")
    if set(said) == {"seq", "name", "withheld"} and withheld in ("not opened", "erased", "altered"):
        return place, name, withheld
    if set(said) == {"seq", "name", "key", "value"} and type(said["key"]) is str and type(said["value"]) is str:
        return place, name, (unbase64(said["key"]), said["value"])
    raise Wrong("not a line about a value")


class Values:
    """The file of opened values beside the entries, both in their order."""

    def __init__(self, export, report):
        self.report, self.checked, self.quiet = report, 0, False
        self.lines = lines_of(export, PAYLOADS, VALUE_LINE_MAX, report)
        self.next = None
        self.advance()

    def wrong(self, what, place=None):
        self.quiet = True
        self.report.add("wrong", what, PAYLOADS, place)

    def advance(self):
        total, self.next = self.report.total, None
        line = next(self.lines, b"")
        self.quiet = self.quiet or self.report.total > total
        if line == b"":
            self.lines = iter(())
            return
        try:
            self.next = read_value_line(line or b"")
        except Wrong:
            self.lines = iter(())
            self.wrong("a line is not one of this format")

    def take(self, place, leaf, acts):
        while self.next and self.next[0] < place:
            self.surplus()
        try:
            entry = read_json(leaf)
            ENTRY(entry)
        except Wrong:
            return
        for name, commitment, subject in committed(entry):
            if not self.next or self.next[:2] != (place, name):
                if not self.quiet:
                    self.quiet = True
                    self.report.add("absent", f"{quote(name)} of this entry is neither opened nor withheld", PAYLOADS, place)
                continue
            said = self.next[2]
            self.judge(place, name, hash_of(commitment), said, acts.erased.get(subject))
            self.advance()

    def judge(self, place, name, commitment, said, erased):
        if said == "altered":
            self.wrong(f"{quote(name)} lay altered where the log was kept", place)
        elif said == "erased":
            if erased is None:
                self.wrong(f"{quote(name)} is said to be erased, and no entry says so", place)
        elif said != "not opened" and erased is not None:
            self.wrong(f"{quote(name)} is here, though entry {erased} erased it", place)
        elif said != "not opened":
            self.checked += 1
            key, value = said
            raw, named = value.encode("utf-8"), name.encode("utf-8")
            message = b"countersign/c/v1" + len(named).to_bytes(4, "big") + named + len(raw).to_bytes(8, "big") + raw
            if len(key) != 32 or hmac.digest(key, message, "sha256") != commitment:
                self.wrong(f"{quote(name)} is not the value that the entry committed to", place)

    def surplus(self):
        self.wrong(f"{quote(self.next[1])} is no value of this entry, or stands out of order", self.next[0])
        self.advance()

    def skip(self, end):
        while self.next and self.next[0] < end:
            self.advance()

    def finish(self):
        if self.next:
            self.surplus_last()
        return self.checked

    def surplus_last(self):
        self.wrong(f"{quote(self.next[1])} is no value of this entry, or stands out of order", self.next[0])


def verify_values(export, present, start, size, acts, report):
    """Holds opened values, if any lie beside the log, against the entries."""
    if not os.path.lexists(os.path.join(export.folder, PAYLOADS)):
        return
    values = Values(export, report)
    for first, end in gaps(present.get("entries", ()), files_at("entries", size), start // WIDTH):
        if end is not None:
            values.skip(WIDTH * end)
            continue
        place = WIDTH * first
        for leaf in read_bundle(export, first, size):
            values.take(place, leaf, acts)
            place += 1
        if place < WIDTH * first + width_of("entries", first, size):
            values.skip(WIDTH * first + width_of("entries", first, size))
    report.values_checked = values.finish()


# --- All of it [12] ---------------------------------------------------------------------------------------------------


class Asked:
    """What the auditor gives: names of files, or a key itself, and how new the checkpoint must be."""

    def __init__(self, key=None, policy=None, kept=(), epoch=None, max_age=None, now=None, tsa_roots=None):
        self.key, self.policy, self.kept, self.epoch, self.max_age = key, policy, list(kept), epoch, max_age
        self.now, self.now_by, self.tsa_roots = now, "given", tsa_roots
        if now is None:
            self.now, self.now_by = int(time.time()), "clock"


def verify(folder, asked):
    """The report on an export."""
    report, export = Report(), Export(folder)
    report.quorum = "not_met" if asked.policy is not None else "not_asked"
    report.pin = "not_told" if asked.epoch is not None else "not_asked"
    report.time_stamps = "not_met" if asked.tsa_roots is not None else "not_asked"
    if asked.max_age is not None:
        report.freshness, report.fresh = "not_met", (asked.max_age, asked.now, asked.now_by)
    report.kept = [{"file": clean(name), "root": None, "size": None, "state": "not_told"} for name in asked.kept]
    # All that was given is read before it is judged, so that of several faults the first is the same each time.
    try:
        key, policy, pin, tsa_roots = read_asked(asked, report)
    except (Absent, Wrong) as why:
        report.fail(why)
        return report
    report.key = key
    if not os.path.isdir(folder):
        report.add("absent", f"there is no folder {quote(clean(folder))}")
        return report
    try:
        raw = export.read("checkpoint", NOTE_MAX)
        report.key = key = key or named_key(raw, policy)
        origin, size, root, others = open_checkpoint(raw, key)
        if policy:
            others -= witness(raw, policy, asked, report)
    except (Absent, Wrong) as why:
        report.fail(why, "checkpoint")
        return report
    report.origin, report.size, report.root = origin, size, root
    note_the_rest(export, others - epoch_lines(raw, origin), report)
    waiting = open_kept(asked.kept, key, size, root, report)
    epochs = Epochs(export, key, pin, report, raw)
    tokens = open_tokens(export, tsa_roots, key, size, report) if tsa_roots else []
    marks = [kept["size"] for kept in waiting] + [token[0] for token in tokens]
    roots = verify_log(export, origin, size, root, report, marks, epochs)
    judge_tokens(tokens, roots, report)
    for kept in waiting:
        told = roots[kept["size"]]
        if told is not None:
            kept["state"] = "held" if tobase64(told) == kept["root"] else "rewritten"
        if kept["state"] == "rewritten":
            what = f"the log was rewritten: its first {kept['size']} entries here are not those of the kept checkpoint "
            report.add("wrong", what + quote(kept["file"]))
    return report


def read_asked(asked, report):
    """The key, or None where the policy must name it; the policy, the epoch key and the roots of time-stamps, each or None."""
    key = policy = roots = key_fault = None
    if asked.key is not None:
        try:
            key = read_key(asked.key)
        except (Absent, Wrong) as why:
            key_fault = type(why)(f"the key: {why}")
    if asked.policy is not None:
        try:
            policy = Policy(read_file(asked.policy, POLICY_MAX))
        except (Absent, Wrong) as why:
            raise key_fault or type(why)(f"the policy: {why}") from None
        if policy.quorum == "none":
            report.quorum = "none"
    if key_fault:
        raise key_fault
    if asked.tsa_roots is not None:
        try:
            roots = read_roots(asked.tsa_roots)
        except (Absent, Wrong) as why:
            raise type(why)(f"the roots of time-stamps: {why}") from None
    if policy and not policy.logs and not key:
        raise Absent("the policy names no log, and no key is given")
    if policy and policy.logs and key:
        known = policy.log(key.name)
        if not known or known.public != key.public:
            raise Wrong(f"the key given is not the one that the policy has for a log {quote(key.name)}")
    pin = None
    if asked.epoch is not None:
        try:
            pin = read_key(asked.epoch)
        except (Absent, Wrong) as why:
            raise type(why)(f"the epoch key: {why}") from None
    return key, policy, pin, roots


def epoch_lines(raw, origin):
    """How many signature lines are under the name of the epoch keys."""
    return sum(name == origin + "/epoch" for name, _ in split_note(raw)[1])


def named_key(raw, policy):
    """The key that the policy has for the log that a note says it is of."""
    origin = split_note(raw)[0].split("\n")[0]
    key = policy.log(origin)
    if not key:
        raise Wrong(f"the checkpoint is of the log {quote(origin)}, which the policy does not name")
    return key


def witness(raw, policy, asked, report):
    """Fills in what the policy's witnesses show; gives how many lines are theirs."""
    newest, lines = cosignatures(raw, [key for _, key in policy.witnesses])
    times = {}
    for (name, key), at in zip(policy.witnesses, newest):
        if at is not None:
            times[name] = at
            report.cosigned.append({"key": key.short, "time": at, "witness": name})
    if policy.quorum != "none":
        report.quorum = "met" if policy.newest(times) is not None else "not_met"
    if asked.max_age is not None:
        late = sorted(name for name, at in times.items() if at > asked.now + AHEAD_MAX)
        report.notes += [f"the cosignature by {quote(name)} is later than now; it supports no freshness" for name in late]
        times = {name: at for name, at in times.items() if name not in late}
    report.quorum_time = policy.newest(times)
    if asked.max_age is not None and report.quorum_time is not None and asked.now - report.quorum_time <= asked.max_age:
        report.freshness = "met"
    return lines


def open_kept(names, key, size, root, report):
    """Reads the kept checkpoints and tells what shows without the entries; gives those that wait for them."""
    waiting = []
    for name, kept in zip(names, report.kept):
        called = f"the kept checkpoint {quote(kept['file'])}"
        try:
            _, kept_size, kept_root, _ = open_checkpoint(read_file(name, NOTE_MAX), key)
        except (Absent, Wrong) as why:
            kept["state"] = "absent" if isinstance(why, Absent) else "refused"
            report.fail(type(why)(f"{called}: {why}"))
            continue
        kept["size"], kept["root"] = kept_size, tobase64(kept_root)
        if kept_size > size:
            kept["state"] = "rolled_back"
            report.add("wrong", f"the log was rolled back: it has {size} entries where {called} has {kept_size}")
        elif kept_size == size and kept_root != root:
            kept["state"] = "forked"
            report.add("wrong", f"the log was forked: for its {size} entries {called} has another root")
        elif kept_size in (0, size):
            kept["state"] = "held"
        else:
            waiting.append(kept)
    return waiting


def note_the_rest(export, others, report):
    if others:
        report.notes.append(f"{others} signatures by other keys were not checked")
    try:
        known = ("checkpoint", "tile", "epoch", "tokens", PAYLOADS, RETAINED)
        names = [item.name for item in export.listing(".") if item.name not in known]
    except Absent:
        return
    if names:
        shown = ", ".join(quote(clean(name)) for name in names[:FINDINGS_MAX])
        more = f" and {len(names) - FINDINGS_MAX} more" if len(names) > FINDINGS_MAX else ""
        report.notes.append(f"files beside the log, not read: {shown}{more}")


def verify_log(export, origin, size, root, report, marks, epochs):
    present = survey(export, size, report)
    tiles_needed = name_missing_tiles(present, size, report)
    told_by_tiles = tiles_add_up(export, size, root) if tiles_needed else None
    report.minimum_index = start = pruned_start(export, present, size, report)
    chain, tiles, acts = Chain(origin, size, root, report, marks, epochs), Tiles(export, size, report), Acts(start, report)
    if start:
        rotations = take_retained(export, start, size, origin, acts, report)
        for index in range(start // WIDTH):
            for digest in tile_hashes(export, index, size):
                chain.stand(digest, rotations.get(chain.place))
                tiles.push(digest)
    for first, end in gaps(present.get("entries", ()), files_at("entries", size), start // WIDTH):
        if end is None:
            verify_bundle(export, first, size, chain, tiles, told_by_tiles, acts)
            continue
        acts.lost = True
        report.add_missing("entries", first, end, size)
        chain.skip(min(WIDTH * end, size) - WIDTH * first)
        for there, until in gaps(present.get(0, ()), end, first):
            if until is None:
                tiles.fill(there, 0, width_of(0, there, size))
            else:
                tiles.skip(min(WIDTH * until, size) - WIDTH * there)
    chain.finish()
    epochs.finish(origin, size, start, chain.whole)
    tiles.finish()
    if told_by_tiles is False and "wrong" not in report.kinds:
        report.add("wrong", "the hash tiles do not add up to the signed root", "tile/0")
    verify_values(export, present, start, size, acts, report)
    all_read = report.entries_checked + start == size and report.tiles_checked == tiles_needed
    if not report.kinds and not (all_read and report.computed_root == root):
        report.add("absent", "the export changed while it was read")
    report.latest_at = chain.latest_at
    return chain.marks


def verify_bundle(export, index, size, chain, tiles, told_by_tiles, acts):
    """Every entry of one bundle, and the hash tile above it."""
    path, width, start = path_of("entries", index, size), width_of("entries", index, size), WIDTH * index
    signed = tile_hashes(export, index, size) if told_by_tiles else [None] * width
    try:
        raw = export.read(path, BUNDLE_MAX)
    except (Absent, Wrong) as why:
        chain.report.fail(why, path)
    else:
        try:
            for at, leaf in enumerate(frames(raw, width)):
                acts.take(chain.place, leaf)
                chain.push(leaf, signed[at])
                tiles.push(signed[at] or leaf_hash(leaf))
        except Wrong as why:
            chain.report.fail(why, path, chain.place)
    read = chain.place - start
    if read < width:
        acts.lost = True
        chain.skip(width - read)
        tiles.fill(index, read, width)


# --- Sealed assessments [18] ------------------------------------------------------------------------------------------

SEAL_MAX, SEAL_LOG_MAX, ARTIFACTS_MAX, SEAL_FILES_MAX = 64 << 20, 8 << 20, 10_000, 20_000
ARTIFACTS_LOG, HASH_LOG = "CMMCAssessmentArtifacts.log", "CMMCAssessmentLogHash.log"
SEALED = {"seal.json", ARTIFACTS_LOG, HASH_LOG, "SHA256SUMS", "documents/SHA256SUMS", "trail/entry.json", "trail/entry.tlog-proof"}
UNBOUND = {"README.txt", "receipt.html", "trail/vkey"}
ARTIFACT = re.compile(r"artifacts/[A-Za-z0-9_-][A-Za-z0-9._-]*")
DOCUMENT, DOCUMENTS_MAX = re.compile(r"([0-9a-f]{64})  (documents/[A-Za-z0-9_-][A-Za-z0-9._-]*)"), 32


def digest_of_file(path):
    """SHA-256 in hex and length of a file."""
    hasher, length = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 16):
            hasher.update(chunk)
            length += len(chunk)
    return hasher.hexdigest(), length


def files_of_seal(folder, found, path=""):
    """Every regular file with its digest; what else is there is a finding."""
    try:
        entries = sorted(os.scandir(os.path.join(folder, path)), key=lambda e: e.name)
    except OSError as why:
        yield "absent", path or None, f"the folder cannot be read: {why.strerror}"
        return
    for entry in entries:
        name = f"{path}/{entry.name}" if path else entry.name
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            yield "wrong", name, "not a regular file"
        elif entry.is_dir():
            if name in ("artifacts", "documents", "trail"):
                yield from files_of_seal(folder, found, name)
            else:
                yield "wrong", name, "is no part of the seal"
        elif len(found) >= SEAL_FILES_MAX:
            yield "wrong", None, f"there are more than {SEAL_FILES_MAX} files"
            return
        else:
            try:
                found[name] = digest_of_file(entry.path)
            except OSError as why:
                yield "absent", name, f"the file cannot be read: {why.strerror}"


def table_of(rows):
    """The log of the DoD's tool over hashes and paths."""
    lines = [("Algorithm", "Hash", "Path"), ("---------", "----", "----")] + [("SHA256", sum.upper(), path) for sum, path in rows]
    return "\r\n" + "".join(f"{a:15} {b:70} {c}\r\n" for a, b, c in lines) + "\r\n\r\n"


def artifacts_of(seal):
    """Path, digest and size of each artifact that a seal names."""
    if not isinstance(seal, dict) or seal.get("format") != "countersign-seal-v1":
        raise Wrong("`format` is not one that is known here")
    for key in ("id", "log", "status_date"):
        if not isinstance(seal.get(key), str):
            raise Wrong(f"`{key}` is missing or not a string")
    items = seal.get("artifacts")
    if not isinstance(items, list) or len(items) > ARTIFACTS_MAX:
        raise Wrong("`artifacts` is missing, not a list, or too long")
    rows, names = [], set()
    for item in items:
        path, sum, size = (item.get(key) for key in ("file", "sha256", "size")) if isinstance(item, dict) else (None, None, None)
        if not isinstance(path, str) or not ARTIFACT.fullmatch(path) or path.lower() in names:
            raise Wrong(f"{quote(path)} is not the path of an artifact, or is there twice")
        if not isinstance(sum, str) or not re.fullmatch("[0-9a-f]{64}", sum) or type(size) is not int or size < 0:
            raise Wrong(f"the SHA-256 or the size of {quote(path)} is not one")
        names.add(path.lower())
        rows.append((path, sum, size))
    return rows


def documents_of(raw):
    """Path and digest of each document that their sums name."""
    lines = raw.decode("utf-8", "replace").splitlines()
    rows = [DOCUMENT.fullmatch(line) for line in lines]
    if len(rows) > DOCUMENTS_MAX or not all(row and row[2] != "documents/SHA256SUMS" for row in rows):
        raise Wrong("a line is not a sum and the path of a document, or there are too many")
    return [(row[2], row[1]) for row in rows]


def root_over(digest, index, size, path):
    """The root of a tree of this size in which the leaf's hash stands at this index, by its audit path (RFC 9162, 2.1.3.2)."""
    if index >= size:
        raise Wrong("the entry is not below the checkpoint's size")
    place, last = index, size - 1
    for hash in path:
        if last == 0:
            raise Wrong("the proof has too many hashes")
        if place & 1 or place == last:
            digest = node_hash(hash, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = node_hash(digest, hash)
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("the proof has too few hashes")
    return digest


def prove_entry(leaf, text, key):
    """Checks that the leaf is in the log that the key signed; gives its place."""
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines[0] != "c2sp.org/tlog-proof@v1" or len(lines) < 2 or not lines[1].startswith("index ") or len(lines) > 65:
        raise Wrong("not a proof of the form `c2sp.org/tlog-proof@v1`")
    if not DECIMAL.fullmatch(lines[1][6:]):
        raise Wrong("the index is not a number without leading zeros")
    index = int(lines[1][6:])
    origin, size, root, _ = open_checkpoint(note.encode("utf-8"), key)
    if root_over(leaf_hash(leaf), index, size, [hash_of(line) for line in lines[2:]]) != root:
        raise Wrong("the proof does not lead to the root of its checkpoint")
    return index


def verify_seal(folder, argument):
    """Findings of an unpacked archive, each a kind, a path and what; and what was read of it."""
    found, read = {}, {"seal": None, "digest": None, "artifacts_log": None, "artifacts": 0, "artifacts_good": 0, "entry": None}
    findings = list(files_of_seal(folder, found))

    def bytes_of(path, limit):
        if path not in found:
            raise Absent("the file is missing")
        with open(os.path.join(folder, path), "rb") as file:
            raw = file.read(limit + 1)
        if len(raw) > limit:
            raise Wrong(f"longer than {limit} bytes")
        return raw

    def trying(path, act):
        try:
            return act()
        except (Wrong, Absent) as why:
            findings.append(("wrong" if isinstance(why, Wrong) else "absent", path, str(why)))

    seal = trying("seal.json", lambda: read_json(bytes_of("seal.json", SEAL_MAX)))
    rows = None if seal is None else trying("seal.json", lambda: artifacts_of(seal))
    if rows is None:
        return findings, read
    read.update(seal=seal["id"], digest=found["seal.json"][0], artifacts=len(rows))
    for path, sum, size in rows:
        if path not in found:
            findings.append(("absent", path, "the artifact is missing"))
        elif found[path] != (sum, size):
            findings.append(("wrong", path, "is not what was sealed"))
        else:
            read["artifacts_good"] += 1
    documents, made = found.get("documents/SHA256SUMS"), []
    if documents is not None:
        made = trying("documents/SHA256SUMS", lambda: documents_of(bytes_of("documents/SHA256SUMS", SEAL_LOG_MAX))) or []
    for path, sum in made:
        if path not in found:
            findings.append(("absent", path, "the document is missing"))
        elif found[path][0] != sum:
            findings.append(("wrong", path, "is not what was sealed"))
    known = SEALED | UNBOUND | {path for path, _, _ in rows} | {path for path, _ in made}
    findings += [("wrong", path, "is no part of the seal") for path in found if path not in known]
    log = table_of((sum, path) for path, sum, _ in rows).encode("ascii")
    read["artifacts_log"] = hashlib.sha256(log).hexdigest()
    for path, expected in ((ARTIFACTS_LOG, log), (HASH_LOG, table_of([(read["artifacts_log"], ARTIFACTS_LOG)]).encode("ascii"))):
        raw = trying(path, lambda: bytes_of(path, SEAL_LOG_MAX))
        if raw is not None and raw != expected:
            findings.append(("wrong", path, "is not the log of this seal"))
    sums = trying("SHA256SUMS", lambda: bytes_of("SHA256SUMS", SEAL_LOG_MAX))
    named = dict(reversed(line.split("  ", 1)) for line in (sums or b"").decode("utf-8", "replace").splitlines() if "  " in line)
    for path, sum in named.items():
        if path not in found:
            findings.append(("absent", path, "is named by SHA256SUMS and missing"))
        elif found[path][0] != sum:
            findings.append(("wrong", path, "is not what SHA256SUMS says"))
    if sums is not None:
        findings += [("wrong", "SHA256SUMS", f"does not name {quote(path)}") for path in found if path not in named and path != "SHA256SUMS"]

    def entry():
        leaf = bytes_of("trail/entry.json", 65_535)
        text = bytes_of("trail/entry.tlog-proof", 131_072).decode("utf-8", "replace")
        place = prove_entry(leaf, text, read_key(argument))
        body, wrong = judge(leaf, seal["log"], place)
        if wrong:
            raise Wrong(wrong)
        data = body.get("data", {})
        if documents is None and data.get("documents") is not None:
            raise Absent("the sums of the documents are missing")
        expected = {
            "action": (body["action"], "assessment.seal"),
            "outcome": (body["outcome"], "ok"),
            "resource.id": (body["resource"].get("id"), seal["id"]),
            "data.digest": (data.get("digest"), read["digest"]),
            "data.artifacts_log": (data.get("artifacts_log"), read["artifacts_log"]),
            "data.documents": (data.get("documents"), documents and documents[0]),
            "data.status_date": (data.get("status_date"), seal["status_date"]),
        }
        for name, (is_, must) in expected.items():
            if is_ != must:
                raise Wrong(f"`{name}` is {quote(is_)} where the seal is {quote(must)}")
        read["entry"] = place

    trying("trail/entry.json", entry)
    return findings, read


def report_seal(folder, argument, as_json):
    """Prints what is found of a seal; gives the exit status."""
    findings, read = verify_seal(folder, argument)
    kinds = {kind for kind, _, _ in findings}
    status = 1 if "wrong" in kinds else 2 if kinds else 0
    shown = [{"kind": kind, "path": path and clean(path), "what": clean(what)} for kind, path, what in findings[:FINDINGS_MAX]]
    if as_json:
        print(json.dumps({**read, "exit": status, "findings": shown, "findings_total": len(findings)}, sort_keys=True, separators=(",", ":")))
        return status
    print(["OK: the seal is whole, and every file is as it was sealed", "WRONG: something is not as it was sealed", "INCOMPLETE: something is missing"][status])
    for finding in shown:
        print(f"  - {finding['path'] or folder}: {finding['what']}")
    print(f"{read['artifacts_good']} of {read['artifacts']} artifacts are as they were sealed; entry {read['entry']}")
    return status


class Once(argparse.Action):
    """An option that may be given one time only."""

    def __call__(self, parser, namespace, value, option_string=None):
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice")
        setattr(namespace, self.dest, value)


def seconds(text):
    if not re.fullmatch("[0-9]+", text) or int(text) > INTEGER_MAX:
        raise argparse.ArgumentTypeError("not a number of seconds")
    return int(text)


def now(text):
    found = moment(text)
    if found is None:
        raise argparse.ArgumentTypeError("not a time from 1970 on of the form `2026-11-22T08:30:00Z`")
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Verify an exported audit trail.", allow_abbrev=False)
    parser.add_argument("dir", metavar="DIR", nargs="?", help="the folder that was exported")
    parser.add_argument("--seal", metavar="DIR", action=Once, help="the unpacked archive of a sealed assessment, in place of an export")
    parser.add_argument("--key", metavar="VKEY", action=Once, help="the verifier key, or a file with it")
    parser.add_argument("--policy", metavar="FILE", action=Once, help="whom to trust: logs, witnesses and a quorum")
    parser.add_argument("--checkpoint", metavar="FILE", action="append", default=[], help="a checkpoint kept from earlier")
    parser.add_argument("--epoch", metavar="VKEY", action=Once, help="the key of one of the log's epochs, or a file with it")
    parser.add_argument("--max-age", metavar="SECONDS", type=seconds, action=Once, help="most time since a quorum cosigned")
    parser.add_argument("--now", metavar="TIME", type=now, action=Once, help="what to take for now")
    parser.add_argument("--tsa-roots", metavar="FILE", action=Once, help="certificates of authorities whose time-stamps are believed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args(arguments)
    if Ed25519PublicKey is None:
        parser.error("the package `cryptography` is missing; install it (Debian: python3-cryptography)")
    if chosen.seal is not None:
        others = (chosen.dir, chosen.policy, chosen.epoch, chosen.max_age, chosen.now, chosen.tsa_roots)
        if chosen.key is None or chosen.checkpoint or any(other is not None for other in others):
            parser.error("--seal takes a folder, --key and --json alone")
        return report_seal(chosen.seal, chosen.key, chosen.json)
    if chosen.dir is None:
        parser.error("no folder is given")
    if chosen.key is None and chosen.policy is None:
        parser.error("neither --key nor --policy is given")
    if chosen.max_age is not None and chosen.policy is None:
        parser.error("--max-age needs a --policy")
    if chosen.now is not None and chosen.max_age is None:
        parser.error("--now needs a --max-age")
    if len(chosen.checkpoint) > KEPT_MAX:
        parser.error(f"--checkpoint is given more than {KEPT_MAX} times")
    report = verify(chosen.dir, Asked(chosen.key, chosen.policy, chosen.checkpoint, chosen.epoch, chosen.max_age, chosen.now, chosen.tsa_roots))
    output = report.to_json() if chosen.json else report.to_text()
    sys.stdout.buffer.write(output.encode("utf-8"))
    return report.exit()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:  # a fault of this program is no verdict on the export
        traceback.print_exc()
        sys.exit(2)
