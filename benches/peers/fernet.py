#!/usr/bin/env python3
"""A straightforward export of sealed records, to compare with: cryptography's Fernet, sqlite3 and csv.

    fernet.py RECORDS FILE

Makes a table of RECORDS rows with five fields, each sealed by Fernet, then measures reading, opening and writing all of them
as CSV to FILE, and prints one line of JSON: rows, seconds, bytes.
"""

import csv
import json
import os
import sqlite3
import sys
import time

from cryptography.fernet import Fernet

FIELDS = ["name", "birth", "address", "history", "medications"]


def main():
    records, path = int(sys.argv[1]), sys.argv[2]
    fernet = Fernet(Fernet.generate_key())
    db = sqlite3.connect(path + ".db")
    db.execute("create table record (id integer primary key, " + ", ".join(f"{f} blob" for f in FIELDS) + ")")
    for n in range(records):
        values = [f"Person Number{n}", "1984-03-27", f"{n} Rowan Street, Springfield", "Asthma since 2001, penicillin allergy", "Salbutamol, 100 micrograms, when needed"]
        db.execute("insert into record values (?, ?, ?, ?, ?, ?)", [n] + [fernet.encrypt(v.encode()) for v in values])
    db.commit()
    begun = time.monotonic()
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id"] + FIELDS)
        for row in db.execute("select * from record order by id"):
            out.writerow([row[0]] + [fernet.decrypt(cell).decode() for cell in row[1:]])
    seconds = time.monotonic() - begun
    print(json.dumps({"rows": records, "seconds": seconds, "bytes": os.path.getsize(path)}))
    os.remove(path + ".db")


if __name__ == "__main__":
    main()
