"""The official Twilio library against the fake of the suite, and as the signer of webhooks.

    twilio_library.py talk PORT SID TOKEN FROM       sends and lists by the library, and checks what it reads
    twilio_library.py refused PORT SID TOKEN FROM    is refused with 21610, then for a wrong token
    twilio_library.py sign TOKEN URL SID             writes requests as JSON lines: {"url", "form": [[name, value]], "signature"}
"""

import json
import sys
from datetime import date

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client


class Here(TwilioHttpClient):
    """Asks the fake in place of api.twilio.com."""

    def __init__(self, port):
        super().__init__()
        self.port = port

    def request(self, method, url, *args, **kwargs):
        assert url.startswith("https://api.twilio.com/"), url
        return super().request(method, url.replace("https://api.twilio.com", f"http://127.0.0.1:{self.port}"), *args, **kwargs)


def talk(port, sid, token, own):
    client = Client(sid, token, http_client=Here(port))
    text = "Grüße \U0001f600 & more = one+two"
    sent = [client.messages.create(to="+14155552671", from_=own, body=f"{text} {n}", validity_period=600) for n in range(5)]
    for message in sent:
        assert message.sid.startswith("SM") and len(message.sid) == 34, message.sid
        assert (message.to, message.from_, message.status, message.direction) == ("+14155552671", own, "queued", "outbound-api")
        assert message.account_sid == sid and message.date_created is not None and message.error_code is None
    listed = client.messages.list(to="+14155552671", from_=own, date_sent_after=date(2026, 1, 1), page_size=100)
    assert {m.sid for m in listed} == {m.sid for m in sent}, (len(listed), len(sent))
    assert {m.body for m in listed} == {f"{text} {n}" for n in range(5)}


def refused(port, sid, token, own):
    client = Client(sid, token, http_client=Here(port))
    try:
        client.messages.create(to="+14155552671", from_=own, body="no")
        raise AssertionError("it should have been refused")
    except TwilioRestException as error:
        assert (error.status, error.code) == (400, 21610), error
    try:
        Client(sid, "another token than ours", http_client=Here(port)).messages.create(to="+14155552671", from_=own, body="no")
        raise AssertionError("the wrong token should have been refused")
    except TwilioRestException as error:
        assert (error.status, error.code) == (401, 20003), error


class Many(dict):
    """A form whose fields may come more than once, as web frameworks hand it over."""

    def getlist(self, name):
        value = self[name]
        return value if isinstance(value, list) else [value]


def sign(token, url):
    validator = RequestValidator(token)
    base = {"MessageSid": "SMx", "AccountSid": sys.argv[4], "From": "+14155552671", "To": "+15005550006", "SmsStatus": "received", "NumMedia": "0"}
    cases = [
        (url, {"Body": "hello"}),
        (url, {"Body": ""}),
        (url, {"Body": "Grüße \U0001f600 مرحبا 你好"}),
        (url, {"Body": "a=b&c+d %20 'q' \"r\" <s>", "Odd Name": "1", "Empty": ""}),
        (url, {"Body": "many", "Media": ["b", "a", "a"]}),
        (url, {"Body": "order", "a": "1", "B": "2", "b": "3", "A": "4", "_": "5", "é": "6"}),
        (url + "?mid=7", {"Body": "query"}),
        (url + "?b=2&a=1&b=1", {"Body": "query order"}),
        (url + "?x=It%27s+amazing%2F&y=%C3%A9", {"Body": "query escaped"}),
        (url, {"Body": "line\r\nbreak\ttab"}),
    ]
    for n, (where, more) in enumerate(cases):
        params = Many(base, **more)
        params["MessageSid"] = f"SM{n:032x}"
        pairs = [[k, v] for k, vs in params.items() for v in (vs if isinstance(vs, list) else [vs])]
        signature = validator.compute_signature(where, params)
        assert validator.validate(where, params, signature)
        print(json.dumps({"url": where, "form": pairs, "signature": signature}))


if __name__ == "__main__":
    if sys.argv[1] == "talk":
        talk(int(sys.argv[2]), *sys.argv[3:6])
    elif sys.argv[1] == "refused":
        refused(int(sys.argv[2]), *sys.argv[3:6])
    else:
        sign(sys.argv[2], sys.argv[3])
