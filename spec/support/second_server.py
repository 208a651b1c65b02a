#!/usr/bin/env python3
"""A second implementation of the API, written from its documentation alone: it shares no code with the sandbox.

second_server.py [--settle S] [--number-settle S] [--no-v3] [--prefix /path] prints TCB_BASE_URL=, TCB_ACCOUNT=, TCB_KEY_ID=,
TCB_API_KEY= and PID=, and serves 127.0.0.1 until its parent is gone or it gets SIGTERM. For specs, without a token:
  GET  /_seen      every request so far: {method, target, headers: [[name, value]], body, connection}
  GET  /_commits   every record, number and token committed, in order
  POST /_fault     {path (its ending), method?, skip?, times?, status?, headers?, body?, cut?}; cut: fin, rst, half-head, half-body,
                   long-header, stall; `commit`: true lets the request do its work first
  POST /_expire    all tokens are expired
  POST /_hold      a number's state and what it becomes: {number, set?, state, then?, after?}
"""
import http.server
import json
import os
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
import uuid

ACCOUNT, KEY_ID, API_KEY = (str(uuid.uuid4()) for _ in range(3))
FORBIDDEN = set("!@#$%^&*()_+/")
NAMES = {"caller": "caller_number", "receiver": "receiver_number", "label_name": "dynamic_label_name",
         "call_reason": "dynamic_call_reason"}
OLD_NAMES = {new: old for old, new in NAMES.items()}
OPTIONS = {"settle": 0.2, "number_settle": 0.3, "v3": True, "prefix": ""}
lock = threading.RLock()
tokens, batches, seen, commits, faults, connections = {}, {}, [], [], [], {}
LABELS = [{"id": str(uuid.uuid4()), "name": "Label %d" % i, "logo_url": "https://logo.example/%d" % i, "category": 10,
           "sub_category": 142, "created_by_email": "ops@example.com", "created_at": "2026-01-07T06:53:55.402122Z",
           "label_type": "static" if i == 3 else "dynamic"} for i in range(5)]
SETS = [{"id": str(uuid.uuid4()), "name": "Set %d" % i, "description": "", "status": "draft", "process_id": "p-%d" % (i % 2),
         "client_account_id": ACCOUNT, "label_id": LABELS[0]["id"], "call_reason_id": None, "video_caller_id": None,
         "business_profile_id": None, "call_me_back": False, "survey": False, "department_id": "d-%d" % (i % 3),
         "operation_id": "o", "created_at": "2026-01-07T06:53:55Z", "updated_at": "2026-01-08T06:53:55.5Z"} for i in range(7)]
numbers = {"91880000%04d" % i: {"set": SETS[i % 2]["id"], "state": "listed", "until": 0, "then": None} for i in range(12)}


class Refused(Exception):
    def __init__(self, status, slug, message):
        super().__init__(message)
        self.status, self.body = status, {"slug": slug, "message": message}


def now_ms():
    return int(time.time() * 1000)


def check_record(record, names):
    """-> (field, message) of the first broken rule of the API reference's record table, or None."""
    def get(name):
        return record.get(names.get(name, name))
    for name in ("caller_number", "receiver_number"):
        if not isinstance(get(name), str) or not re.fullmatch(r"\+?[1-9]\d{7,14}", get(name)):
            return names.get(name, name), "is not a phone number"
    if get("label_id") not in [x["id"] for x in LABELS if x["label_type"] == "dynamic"]:
        return "label_id", "is not a dynamic label"
    for name, low, high in (("dynamic_label_name", 3, 40), ("dynamic_call_reason", 10, 100)):
        value = get(name)
        if value is not None and (not isinstance(value, str) or not low <= len(value) <= high):
            return names.get(name, name), "has a wrong length"
    reason = get("dynamic_call_reason")
    if reason and (FORBIDDEN & set(reason) or reason[0] in ".,- " or reason[-1] in ".,- "):
        return names.get("dynamic_call_reason", "dynamic_call_reason"), "holds a character that is not allowed"
    start, end = get("starts_at"), get("ends_at")
    if type(start) is not int or type(end) is not int:
        return "starts_at", "must be epoch milliseconds"
    if end < now_ms():
        return "ends_at", "cannot be older than current time"
    return None if start < end <= start + 86400000 else ("ends_at", "must be within 24 hours of starts_at")


def plain(record, v1):
    names = NAMES if v1 else {}
    return {names.get(k, k): v for k, v in record.items()}


def commit(record):
    digits = [record[n].lstrip("+") for n in ("caller_number", "receiver_number")]
    commits.append("|".join(digits + [str(record["starts_at"]), str(record["ends_at"]), record["label_id"]]))


def settle_numbers():
    for number, n in list(numbers.items()):
        if n["then"] and time.monotonic() >= n["until"]:
            if n["then"] == "gone":
                del numbers[number]
            else:
                n["state"], n["then"] = n["then"], None


def page_of(items, query, size):
    limit, page = int(query.get("limit", size)), int(query.get("page", 1))
    return items[(page - 1) * limit:page * limit], -(-len(items) // limit), page, limit


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        with lock:
            connections[self.client_address] = len(connections) + 1

    def send(self, status, body, headers=None):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def cut(self, how):
        self.close_connection = True
        if how == "rst":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif how == "half-head":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: applic")
        elif how == "half-body":
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n{"batch_id": "hal')
        elif how == "stall":
            time.sleep(2)
        elif how == "long-header":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200000 + b"\r\nContent-Length: 2\r\n\r\n{}")

    def fail(self, fault):
        if "cut" in fault:
            return self.cut(fault["cut"])
        return self.send(fault["status"], fault.get("body", ""), fault.get("headers"))

    def fault(self, method, path):
        for f in faults:
            if path.endswith(f["path"]) and f.get("method", method) == method and f["times"] > 0:
                if f["skip"] > 0:
                    f["skip"] -= 1
                    continue
                f["times"] -= 1
                return f
        return None

    def handle_one(self, method):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        target = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(target.query, keep_blank_values=True))
        if target.path.startswith("/_"):
            return self.control(target.path, body)
        path = target.path
        with lock:
            seen.append({"method": method, "target": self.path, "headers": list(map(list, self.headers.items())), "body": body,
                         "connection": connections.get(self.client_address)})
            fault = self.fault(method, path)
            if fault and not fault.get("commit"):
                return self.fail(fault)
            try:
                if not path.startswith(OPTIONS["prefix"]):
                    raise Refused(404, "not-found", "no such path")
                answer = self.route(method, path[len(OPTIONS["prefix"]):], query, body)
                status = 200
            except Refused as e:
                status, answer = e.status, e.body
        if fault:
            return self.fail(fault)
        return self.send(*answer) if isinstance(answer, tuple) else self.send(status, answer)

    def do_GET(self):
        self.handle_one("GET")

    def do_POST(self):
        self.handle_one("POST")

    def control(self, path, body):
        with lock:
            if path == "/_seen":
                return self.send(200, seen)
            if path == "/_commits":
                return self.send(200, commits)
            if path == "/_fault":
                faults.append({"times": 1, "skip": 0, **json.loads(body)})
            elif path == "/_expire":
                tokens.clear()
            elif path == "/_hold":                           # a number's state and what it becomes
                h = json.loads(body)
                numbers[h["number"]] = {"set": SETS[h.get("set", 0)]["id"], "state": h["state"], "then": h.get("then"),
                                        "until": time.monotonic() + h.get("after", 0)}
            return self.send(200, {})

    def object_of(self, body):
        try:
            value = json.loads(body)
        except ValueError:
            raise Refused(400, "invalid-input", "body is not JSON") from None
        if not isinstance(value, dict):
            raise Refused(400, "invalid-input", "body is not an object")
        return value

    def authorize(self):
        given = self.headers.get("Authorization")
        if given is None:
            raise Refused(401, "authorization-error", "Missing authorization header")
        if time.monotonic() >= tokens.get(given.removeprefix("Bearer "), 0):
            raise Refused(401, "authorization-error", "please login again")

    def route(self, method, path, query, body):
        m = re.fullmatch(r"(/v2|/v3|)/clients/([^/]+)(/.*)", path)
        if not m:
            if path == "/log.csv":
                return self.log_file()
            raise Refused(404, "not-found", "no such path")
        version, account, rest = m.group(1), urllib.parse.unquote(m.group(2)), m.group(3)
        if account != ACCOUNT:
            raise Refused(404, "not-found", "no such client")
        if (method, version, rest) == ("POST", "", "/token"):
            return self.token(self.object_of(body))
        self.authorize()
        if rest == "/dynamic_call_record" and method == "POST" and version in ("", "/v2"):
            return self.personalise(self.object_of(body), version == "")
        if rest == "/dynamic_call_records" and method == "POST" and version in ("", "/v2"):
            return self.push(self.object_of(body), version == "")
        if rest == "/dynamic_call_records" and method == "GET" and (version != "/v3" or OPTIONS["v3"]):
            return self.status(query, version == "")
        if version or method + rest[:1] not in ("GET/", "POST/"):
            raise Refused(404, "not-found", "no such path")
        return self.plain_route(method, rest, query, body)

    def plain_route(self, method, rest, query, body):
        if (method, rest) == ("GET", "/labels"):
            return page_of(LABELS, query, 1000)[0]
        if (method, rest) == ("GET", "/number_management/feature_sets"):
            filters = [k for k in ("department_id", "operation_id", "process_id") if k in query]
            found = [s for s in SETS if all(s[k] == query[k] for k in filters)]
            items, count, page, limit = page_of(found, query, 3)
            return {"feature_sets": items,
                    "pagination_info": {"total_page_count": count, "current_page": page, "page_limit": limit}}
        if (method, rest) == ("GET", "/number_management/numbers"):
            return self.list_numbers(query)
        m = re.fullmatch(r"/number_management/feature_sets/([^/]+)/numbers/(publish|delist)", rest)
        if m and method == "POST":
            return self.change(urllib.parse.unquote(m.group(1)), m.group(2), self.object_of(body))
        if method == "GET" and re.fullmatch(r"/openapi/feedback_stack/[^/]+/export_report", rest):
            if not re.fullmatch(r"\d{10}", query.get("from_date", "")):
                raise Refused(400, "invalid-input", "from_date must be epoch seconds")
            return {"url": "http://127.0.0.1:%d%s/log.csv" % (self.server.server_address[1], OPTIONS["prefix"])}
        if (method, rest) == ("GET", "/openapi/callback-logs/summary"):
            if not all(re.fullmatch(r"\d{13}", query.get(k, "")) for k in ("from", "to")):
                raise Refused(400, "invalid-input", "from and to must be epoch milliseconds")
            return [{"client_number": "919000000001", "requested_at": "1753945760", "created_at": "2026-01-07T06:53:55Z"}]
        raise Refused(404, "not-found", "no such path")

    def log_file(self):
        if self.headers.get("Authorization"):
            raise Refused(400, "invalid-input", "a token does not belong here")
        return 200, "number,answer\n919000000001,5\n", {"Content-Type": "text/csv"}

    def token(self, body):
        if self.headers.get("X-Public-Access") != "allow":
            raise Refused(401, "authorization-error", "Missing authorization header")
        for name in ("key_id", "api_key"):
            if not body.get(name):
                raise Refused(400, "invalid-input", name + " is required")
        if (body["key_id"], body["api_key"]) != (KEY_ID, API_KEY):
            raise Refused(401, "authorization-error", "invalid key")
        token = uuid.uuid4().hex + uuid.uuid4().hex
        tokens[token] = time.monotonic() + 3600
        commits.append("token")
        return {"token": token, "created_at": "2026-01-10T06:59:05.72Z"}

    def personalise(self, record, v1):
        names = OLD_NAMES if v1 else {}
        wrong = check_record(record, names)
        text = "Request body is invalid: %s %s" % wrong if wrong else "Record processed successfully"
        if not wrong:
            commit(plain(record, v1))
        if v1:
            return {"status": "failure" if wrong else "success", "message": text}
        info = {"status": "error", "field": wrong[0], "message": text} if wrong else {"status": "success", "message": text}
        return (400, {"status_info": info}) if wrong else {"status_info": info}

    def push(self, body, v1):
        records = body.get("call_records")
        if not isinstance(records, list) or not 1 <= len(records) <= 500 or not all(isinstance(r, dict) for r in records):
            raise Refused(400, "invalid-input", "call_records must hold 1 to 500 records")
        names = OLD_NAMES if v1 else {}
        batch = {"id": str(uuid.uuid4()), "at": time.monotonic(), "rows": []}
        for record in records:
            wrong = check_record(record, names)
            row = plain(record, v1)
            if not wrong:
                commit(row)
            batch["rows"].append((row, wrong))
        batches[batch["id"]] = batch
        if v1:
            return {"status": "success", "message": "Records Uploaded Successfully. BatchID: " + batch["id"]}
        return {"batch_id": batch["id"]}

    def status(self, query, v1):
        batch = batches.get(query.get("batchId"))
        if batch is None:
            raise Refused(404, "not-found", "no such batch")
        rows = []
        settled = time.monotonic() - batch["at"] >= OPTIONS["settle"]
        for row, wrong in reversed(batch["rows"]):           # no order is promised
            tail = row["receiver_number"][-4:]
            if tail == "7777" or not settled:
                info = {"status": "processing"}
            elif wrong or tail == "6666":
                info = {"status": "error", "message": "Invalid input" if wrong else "Failed to push"}
                info.update({"field": wrong[0]} if wrong else {})
            else:
                info = {"status": "success"}
            names = {v: k for k, v in NAMES.items()} if v1 or tail == "5555" else {}
            out = {"id": str(uuid.uuid4()), **{names.get(k, k): v for k, v in row.items()}, "created_at": "2026-01-23T09:07:32.21Z"}
            if v1:
                out.update(client_account_id=ACCOUNT, batch_id=batch["id"], **info)
            else:
                out["status_info"] = info
            if tail == "4444":
                out[names.get("receiver_number", "receiver_number")] = "+" + row["receiver_number"]
            rows.append(out)
        return rows if v1 else {"client_account_id": ACCOUNT, "batch_id": batch["id"], "data": rows}

    def list_numbers(self, query):
        settle_numbers()
        found = [(n, v) for n, v in sorted(numbers.items()) if query.get("feature_set_id", v["set"]) == v["set"]]
        items, count, _, _ = page_of(found, query, 5)
        names = {s["id"]: s["name"] for s in SETS}
        return {"numbers": [{"phone_number": n, "phone_type": "verified", "status": v["state"], "client_account_id": ACCOUNT,
                             "created_by_email": "ops@example.com", "department": "d", "operation": "o", "process": "p",
                             "subprocess": "", "feature_set_name": names[v["set"]], "call_me_back": "enabled",
                             "created_at": "2026-01-07T06:53:55Z",
                             "updated_at": "2026-01-07T06:53:55Z", "label_name": "Label 0"} for n, v in items],
                "pagination_information": {"total_page_count": count}}

    def change(self, feature_set, action, body):
        settle_numbers()
        if feature_set not in [s["id"] for s in SETS]:
            raise Refused(404, "not-found", "no such feature set")
        given = body.get("phone_numbers")
        if not isinstance(given, list) or len(given) > 10000:
            raise Refused(400, "invalid-input", "phone_numbers must hold at most 10000 numbers")
        out = {"client_account_id": ACCOUNT, "new_numbers": [], "existing_numbers": [], "invalid_numbers": [], "status": "pending"}
        for n in given:
            due = time.monotonic() + OPTIONS["number_settle"]
            known = numbers.get(n)
            if not re.fullmatch(r"[1-9]\d{7,14}", n):
                out["invalid_numbers"].append(n)
            elif action == "publish" and known is None:
                numbers[n] = {"set": feature_set, "state": "pending", "until": due, "then": "listed"}
                out["new_numbers"].append(n)
            elif action == "publish":                        # one whose delisting is under way is silently ignored
                out["new_numbers" if known["state"] == "delisting" else "existing_numbers"].append(n)
            elif known is not None and known["set"] == feature_set:
                known.update(state="delisting", until=due, then="gone")
                out["existing_numbers"].append(n)
            else:
                out["new_numbers"].append(n)
            commits.append("%s %s" % (action, n))
        if action == "delist" and not out["existing_numbers"]:
            out["status"] = "failed"
        return out


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):                              # a connection that was cut on purpose
        pass


def watch_parent(parent):
    while os.getppid() == parent:
        time.sleep(0.3)
    os._exit(0)


def main(args):
    parent = os.getppid()
    while args:
        name = args.pop(0)
        if name == "--no-v3":
            OPTIONS["v3"] = False
        else:
            OPTIONS[name[2:].replace("-", "_")] = args.pop(0) if name == "--prefix" else float(args.pop(0))
    server = Server(("127.0.0.1", 0), Handler)
    print("TCB_BASE_URL=http://127.0.0.1:%d%s" % (server.server_address[1], OPTIONS["prefix"]))
    print("TCB_ACCOUNT=%s\nTCB_KEY_ID=%s\nTCB_API_KEY=%s\nPID=%d" % (ACCOUNT, KEY_ID, API_KEY, os.getpid()), flush=True)
    threading.Thread(target=watch_parent, args=(parent,), daemon=True).start()
    server.serve_forever()


main(sys.argv[1:])
