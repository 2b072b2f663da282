"""Checks scripts/fetch-libtorch against a package index on loopback: fetch_libtorch.py SCRIPT"""

import hashlib
import http.server
import importlib.machinery
import importlib.util
import io
import os
import re
import sys
import tempfile
import threading
import zipfile

loader = importlib.machinery.SourceFileLoader("fetch", sys.argv[1])
sys.dont_write_bytecode = True
fetch = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch", loader))
loader.exec_module(fetch)


def wheel(entries):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, text in entries.items():
            file.writestr(name, text)
    return data.getvalue()


wheels = {
    "big-1.whl": wheel({"torch/lib/libc10.so": os.urandom(3 << 20), "torch/lib/libother.so": "unwanted", "../escape": "no"}),
    "small-1.whl": wheel({"nvidia/cu13/lib/libcudart.so.13": "cudart"}),
}
requests, cut, piece = [], {"big-1.whl": 1 << 20}, None


class Index(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.path.rsplit("/", 1)[1]
        if not name:
            links = "".join(f'<a href="../../files/{w}#sha256=0">{w}</a>' for w in wheels)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(links.encode())
            return
        start = int(re.sub(r"\D", "", self.headers.get("Range", "0")))
        data = wheels[name]
        requests.append((name, start))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = cut.pop(name, start + piece if piece else len(data))
        self.wfile.write(data[start:end])


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["PIP_INDEX_URL"] = f"http://127.0.0.1:{server.server_port}/simple"


def pin(name, wanted, digest=None):
    data = wheels[name]
    return (name.split("-")[0], name, len(data), digest or hashlib.sha256(data).hexdigest(), re.compile(wanted))


with tempfile.TemporaryDirectory() as folder:
    pinned = [pin("big-1.whl", r"torch/lib/libc10\.so"), pin("small-1.whl", r"nvidia/.*")]
    fetch.main(folder, pinned)
    starts = [start for name, start in requests if name == "big-1.whl"]
    assert len(starts) == 2 and starts[0] == 0 and starts[1] >= 1 << 20, f"resumed where it was cut: {requests}"
    there = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, files in os.walk(folder) for f in files)
    assert there == ["nvidia/cu13/lib/libcudart.so.13", "torch/build-version", "torch/lib/libc10.so", "version"], there
    before = len(requests)
    fetch.main(folder, pinned)
    assert len(requests) == before, "nothing is fetched twice"

# A server that breaks off every 300 kB is worked off piece by piece, and nothing of it is fetched twice.
with tempfile.TemporaryDirectory() as folder:
    pinned = [pin("big-1.whl", r"torch/lib/libc10\.so"), pin("small-1.whl", r"nvidia/.*")]
    requests.clear()
    piece = 300_000
    fetch.main(folder, pinned)
    starts = [start for name, start in requests if name == "big-1.whl"]
    assert len(starts) > 10 and starts == [300_000 * i for i in range(len(starts))], starts
    piece = None

with tempfile.TemporaryDirectory() as folder:
    pinned = [pin("small-1.whl", r"nvidia/.*", digest="0" * 64)]
    try:
        fetch.main(folder, pinned)
    except fetch.Failure as failure:
        assert "pinned SHA-256" in str(failure), failure
    else:
        sys.exit("a wheel of another checksum was accepted")
    assert not os.path.exists(os.path.join(folder, "version"))

with tempfile.TemporaryDirectory() as folder:
    fetch.UNPACKED = 1 << 60
    try:
        fetch.main(folder, pinned)
    except fetch.Failure as failure:
        assert "MB of disk" in str(failure) and "make room" in str(failure), failure
    else:
        sys.exit("a full disk went unnoticed")
