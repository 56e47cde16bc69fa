"""A `tprun serve` of its own, and requests to it as bytes."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))
import studies  # noqa: E402 pylint: disable=wrong-import-position,unused-import

BUILD = os.path.abspath(os.environ.get("TPRUN_BUILD", "."))
TPRUN = os.path.join(BUILD, "tprun")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")}
# Names of studies, variants and values, as a file of somebody else may have them.
HOSTILE = ["<script>window.hurt = 1</script>", "</script><img src=x onerror='window.hurt = 1'>", "]]>", "a\"b'c&amp;<!--", "line\u2028separator\u2029 \u202ereversed",
           "tab\tline\nend", "../../etc?a=b&c#d%00/"]
HANG = 600  # seconds: ends what hangs, decides nothing


# A proxy of the environment is not for this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Serving:
    def __init__(self, db, port=0):
        self.process = subprocess.Popen([TPRUN, "serve", "--db", db, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=ENVIRONMENT)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(self.process.stderr.read())
        self.port, self.token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([0-9a-f]{32})/", self.url).groups()
        self.port = int(self.port)

    def stop(self, number=signal.SIGINT):
        """The exit status, and what was said on standard error."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=HANG)[1]
        return self.process.returncode, said

    def connect(self, address="127.0.0.1"):
        return socket.create_connection((address, self.port), timeout=HANG)

    def raw(self, request, address="127.0.0.1"):
        """What is answered to these bytes until the connection is closed, or an answer of a known length is whole."""
        with self.connect(address) as s:
            try:
                s.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has seen enough
            return receive(s)

    def ask(self, path="", host=None, method="GET", headers=(), version="HTTP/1.1"):
        """The status of a request with these header lines, which may be none at all."""
        lines = [f"{method} {path} {version}", *([f"Host: {host}"] if host is not None else []), *headers, "Connection: close", "", ""]
        answer = self.raw("\r\n".join(lines).encode("latin-1"))
        return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0

    def get(self, rest):
        with DIRECT.open(self.url + rest, timeout=HANG) as answer:
            return answer.read()

    def view(self, rest):
        return json.loads(self.get("view/" + rest))


def receive(s):
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if end and length and len(body) >= int(length.group(1)):
            return data
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more
