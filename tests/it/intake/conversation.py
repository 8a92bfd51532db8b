"""Drives a whole intake against a running server with the gateway's official signer, then what staff does with it.

    conversation.py BASE SID TOKEN STAFF_COOKIE OTHER_COOKIE SOFFICE

Prints `ok` at its end; anything else is a failure that says where. SOFFICE is a program or `-`.
"""

import csv
import datetime
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import openpyxl
from twilio.request_validator import RequestValidator

BASE, SID, TOKEN, STAFF, OTHER, SOFFICE = sys.argv[1:]
PHONE = "+14155552671"
SAID = ["intake", "YES", "Ruth Plantedname", "3/27/1984", "=HYPERLINK(\"http://evil.example\")", "@SUM(1+1)*cmd|' /C calc'!A0", "-2+3"]
opener = urllib.request.build_opener(urllib.request.HTTPHandler)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


opener.add_handler(Stay())


def ask(path, fields=None, headers=None):
    body = urllib.parse.urlencode(fields).encode() if fields is not None else None
    request = urllib.request.Request(BASE + path, data=body, headers=headers or {})
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def deliver(n, text, token=TOKEN):
    fields = {"MessageSid": f"SM{n:032x}", "AccountSid": SID, "From": PHONE, "To": "+15005550006", "Body": text, "NumMedia": "0", "SmsStatus": "received"}
    signature = RequestValidator(token).compute_signature(BASE + "/hooks/twilio", fields)
    return ask("/hooks/twilio", fields, {"X-Twilio-Signature": signature})


def page(path, cookie):
    status, body, _ = ask(path, headers={"Cookie": cookie})
    return status, body.decode()


def post(path, fields, cookie, token):
    return ask(path, [("csrf_token", token), *fields], {"Cookie": cookie})


def main():
    status, _, _ = deliver(0, "intake", token="f" * 32)
    assert status == 403, f"a forged event: {status}"
    for n, text in enumerate(SAID, 1):
        status, body, headers = deliver(n, text)
        assert status == 200 and headers["Content-Type"].startswith("text/xml"), (n, status, body)
        again, body, _ = deliver(n, text)
        assert again == 200 and b"<Message>" not in body, (n, "an event that comes again is no step", body)
    status, listed = page("/intake", STAFF)
    assert status == 200 and "Plantedname" not in listed, status
    record = re.search(r'/intake/(itk_[0-9a-f]{32})"', listed).group(1)
    token = re.search(r'name="csrf-token" content="([^"]+)"', listed).group(1)
    assert page("/intake", OTHER)[0] == 404 and page(f"/intake/{record}", OTHER)[0] == 404, "who has no part hears of nothing"
    status, body, _ = post(f"/intake/{record}/reveal", [("field", "name"), ("purpose", "treatment")], STAFF, token)
    assert status == 200 and b"Ruth Plantedname" in body and b"HYPERLINK" not in body, status
    today = datetime.datetime.now(datetime.timezone.utc).date()
    days = [("from", str(today - datetime.timedelta(days=1))), ("to", str(today + datetime.timedelta(days=1)))]
    columns = [("columns", c) for c in ("name", "birth", "address", "history", "medications", "phone")]
    status, book, _ = post("/intake/export", [("flow", "default"), *days, ("purpose", "treatment"), ("format", "xlsx"), *columns], STAFF, token)
    assert status == 200, status
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    cells = [[cell for cell in row] for row in sheet.iter_rows()]
    assert len(cells) == 2 and all(cell.data_type in ("s", "inlineStr") for row in cells for cell in row), "every cell is text"
    wanted = ["Ruth Plantedname", "1984-03-27", *SAID[4:], PHONE]
    assert [cell.value for cell in cells[1]][2:] == wanted, [cell.value for cell in cells[1]]
    assert all(cell.quotePrefix for cell in cells[1]) and not any(cell.hyperlink for cell in cells[1])
    if SOFFICE != "-":
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "intake.xlsx"
            path.write_bytes(book)
            profile = f"-env:UserInstallation=file://{folder}/profile"
            command = [SOFFICE, profile, "--headless", "--convert-to", "csv", "--outdir", folder, str(path)]
            subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
            rows = list(csv.reader(io.StringIO(path.with_suffix(".csv").read_text(encoding="utf-8"))))
            assert rows[1][2:] == wanted, rows
    # The patient has it deleted, and nobody reads it any more.
    deliver(100, "delete")
    status, body, _ = deliver(101, "yes")
    assert status == 200 and b"was deleted" in body, body
    status, body, _ = post(f"/intake/{record}/reveal", [("field", "name"), ("purpose", "treatment")], STAFF, token)
    assert status == 410 and b"Plantedname" not in body, status
    print("ok")


main()
