#!/usr/bin/env python3
"""A provisioner for the reference server, and an example for one of your own.

`bitting check` starts it by the credentials file and gives it orders, one JSON object a line; it answers each with one
line. Here each order becomes a request to the control plane of `bitting serve`. In a provisioner of your own it may be
a row in a database, a call of an admin API, or a signature with the test key.

    [provisioner]
    command = ["python3", "reference_server.py"]

The control plane's address and token come from BITTING_CONTROL_URL and BITTING_CONTROL_TOKEN.
"""

import json
import os
import sys
import urllib.error
import urllib.request

URL = os.environ["BITTING_CONTROL_URL"]
TOKEN = os.environ["BITTING_CONTROL_TOKEN"]


def control(method, path, body=None):
    """Sends one request to the control plane and gives its answer."""
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response) if response.length else {}


def mint_token(order):
    answer = control("POST", "/v1/tokens", order)
    return {"id": answer["jti"], "secret": answer["token"]}


ORDERS = {
    "world": lambda order: control("GET", "/v1/credentials"),
    "mint-key": lambda order: control("POST", "/v1/keys", order),
    "revoke-key": lambda order: control("POST", f"/v1/keys/{order['id']}/revoke"),
    "expire-key": lambda order: control("POST", f"/v1/keys/{order['id']}/expire"),
    "mint-token": mint_token,
    "revoke-token": lambda order: control("POST", f"/v1/tokens/{order['id']}/revoke"),
    "mint-code": lambda order: {"secret": control("POST", "/v1/codes", order)["code"]},
    "remove-member": lambda order: control("POST", f"/v1/users/{order['user']}/remove"),
    "restore-member": lambda order: control("POST", f"/v1/users/{order['user']}/restore"),
    "advance-clock": lambda order: control("POST", "/v1/clock/advance", order),
    "set-rate-limit": lambda order: control("PUT", "/v1/rate-limits", order),
    "restore-rate-limit": lambda order: control("PUT", "/v1/rate-limits"),
    "reset-rate-limits": lambda order: control("POST", "/v1/rate-limits/reset"),
    "reset": lambda order: control("POST", "/v1/reset"),
}


def answer(order):
    """What one order is answered with."""
    name = order.pop("do")
    if name not in ORDERS:
        return {"unsupported": True}
    try:
        return ORDERS[name](order) or {}
    except urllib.error.HTTPError as error:
        # What this server cannot do is no failure: the checks that need it are skipped.
        return {"unsupported": True} if error.code in (404, 405, 501) else {"error": f"{name}: {error}"}
    except OSError as error:
        return {"error": f"{name}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
