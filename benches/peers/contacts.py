#!/usr/bin/env python3
"""A straightforward import of contacts, to compare with: csv, phonenumbers, sqlite3 in batches.

    contacts.py FILE DATABASE REGION

Reads a CSV with a header and a column `phone`, keeps each valid mobile number once, commits every thousand rows, and prints
one line of JSON: rows, accepted, duplicates, refused, seconds.
"""

import csv
import json
import sqlite3
import sys
import time

import phonenumbers

KINDS = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}


def number(text, region):
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed) or phonenumbers.number_type(parsed) not in KINDS:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def main():
    path, database, region = sys.argv[1:]
    db = sqlite3.connect(database)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute("create table contact (id integer primary key, number text not null unique, name text, note text)")
    db.execute("create table member (list integer not null, contact integer not null, primary key (list, contact))")
    begun = time.monotonic()
    rows = accepted = duplicates = refused = 0
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            rows += 1
            e164 = number(row["phone"], region)
            if e164 is None:
                refused += 1
                continue
            made = db.execute("insert or ignore into contact (number, name, note) values (?, ?, ?)", (e164, row["name"], row["note"]))
            if made.rowcount == 0:
                duplicates += 1
                continue
            db.execute("insert into member (list, contact) values (1, ?)", (made.lastrowid,))
            accepted += 1
            if rows % 1000 == 0:
                db.commit()
    db.commit()
    seconds = time.monotonic() - begun
    print(json.dumps({"rows": rows, "accepted": accepted, "duplicates": duplicates, "refused": refused, "seconds": seconds}))


if __name__ == "__main__":
    main()
