#!/usr/bin/env python3
"""`tprun serve` as bytes: who is let in and who is not, what a visitor can do to it, that it follows the database and ends when it is told to.
TPRUN_BUILD names the build folder."""
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse

from serving import ENVIRONMENT, HANG, HOSTILE, TPRUN, Serving, receive, studies


def refused(status):
    return status in (0, 400, 403, 404, 405, 413, 414, 421, 431, 501, 505)


def children_of(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                words = f.read().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(words[1]) == pid:
            found.append(int(name))
    return found


class Server(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-serve-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.db = os.path.join(cls.folder, "results.db")
        studies.make(cls.db)
        cls.serving = Serving(cls.db)
        cls.addClassCleanup(cls.serving.stop)

    def ours(self):
        return f"127.0.0.1:{self.serving.port}"

    def path(self, rest=""):
        return f"/{self.serving.token}/{rest}"

    def fine(self):
        self.assertEqual(self.serving.ask(self.path(), self.ours()), 200)

    def test_hosts(self):
        port = self.serving.port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
            self.assertEqual(self.serving.ask(self.path(), host), 200, host)
        for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil:{port}", f"user@127.0.0.1:{port}", f"127.0.0.1@evil:{port}", "127.0.0.1", "localhost",
                     f"127.0.0.1:{port + 1}", f"127.0.0.1:{port} ", f"127.0.0.1:0{port}", f"[::1%lo]:{port}", f"[::ffff:127.0.0.1]:{port}", f"0.0.0.0:{port}", "", f"127.1:{port}",
                     f"127.0.0.1:{port}, evil", f"localhost.:{port}", "null"):
            if host.strip() == f"127.0.0.1:{port}":
                continue  # white space around a header's value is none of it
            self.assertIn(self.serving.ask(self.path(), host), (400, 421), host)
        self.assertIn(self.serving.ask(self.path()), (400, 421))
        self.assertEqual(self.serving.ask(self.path(), version="HTTP/1.0"), 421)
        twice = [f"Host: {self.ours()}"]
        self.assertIn(self.serving.ask(self.path(), self.ours(), headers=twice), (400, 421))
        self.assertIn(self.serving.ask(self.path(), self.ours(), headers=["Host: evil.example"]), (400, 421))
        self.assertIn(self.serving.ask(self.path(), "evil.example", headers=twice), (400, 421))

    def test_tokens(self):
        token = self.serving.token
        wrong = "0" * 32 if token != "0" * 32 else "1" * 32
        for path in ("/", "/index.html", "/page.js", f"/{wrong}/", f"/{token[:-1]}/", f"/{token}0/", f"/{token}", f"/{token.upper()}/" if token.upper() != token else "/",
                     f"//{token}/", f"/?token={token}", f"/%{ord(token[0]):02x}{token[1:]}/", f"/./{token}/", f"/{token[:31]}%00/", "*"):
            self.assertTrue(refused(self.serving.ask(path, self.ours())), path)
        self.assertEqual(self.serving.ask(f"http://{self.ours()}/{token}/", self.ours()), 403)
        self.fine()

    def test_other_sites(self):
        own = f"http://{self.ours()}"
        for headers in ([f"Origin: {own}"], ["Sec-Fetch-Site: same-origin"], ["Sec-Fetch-Site: none"]):
            self.assertEqual(self.serving.ask(self.path(), self.ours(), headers=headers), 200, headers)
        for headers in (["Origin: http://evil.example"], ["Origin: null"], [f"Origin: https://{self.ours()}"], ["Origin: http://127.0.0.1"], [f"Origin: {own}.evil"],
                        ["Sec-Fetch-Site: cross-site"], ["Sec-Fetch-Site: same-site"], ["Sec-Fetch-Site: x"]):
            self.assertEqual(self.serving.ask(self.path(), self.ours(), headers=headers), 403, headers)

    def test_methods(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", "PROPFIND"):
            self.assertEqual(self.serving.ask(self.path(), self.ours(), method=method), 405, method)
        answer = self.serving.raw(f"POST {self.path()} HTTP/1.1\r\nHost: {self.ours()}\r\nContent-Length: 5\r\n\r\nhello".encode())
        self.assertTrue(answer.startswith(b"HTTP/1.1 405"))
        self.assertIn(b"Allow: GET, HEAD\r\n", answer)
        head = self.serving.raw(f"HEAD {self.path()} HTTP/1.1\r\nHost: {self.ours()}\r\nConnection: close\r\n\r\n".encode())
        self.assertTrue(head.startswith(b"HTTP/1.1 200"))
        self.assertTrue(head.endswith(b"\r\n\r\n"))

    def test_no_url_names_a_file(self):
        for rest in ("../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..\\..\\etc\\passwd", "page.js%00", "page.js/", "PAGE.JS", "/etc/passwd", "./page.js",
                     "page%2ejs", "results.db", "view", "view/", "view/../page.js", "view/no_such_view", "file:///etc/passwd", "page.js?x=1"):
            self.assertEqual(self.serving.ask(self.path(rest), self.ours()), 404, rest)
        self.fine()

    def test_headers_of_answers(self):
        for rest in ("", "page.js", "page.css", "view/studies", "no_such_thing"):
            answer = self.serving.raw(f"GET {self.path(rest)} HTTP/1.1\r\nHost: {self.ours()}\r\nConnection: close\r\n\r\n".encode()).decode()
            head = answer.split("\r\n\r\n")[0].lower()
            for line in ("content-security-policy: default-src 'none';", "frame-ancestors 'none'", "x-content-type-options: nosniff", "x-frame-options: deny",
                         "referrer-policy: no-referrer", "cache-control: no-store", "cross-origin-resource-policy: same-origin"):
                self.assertIn(line, head, rest)
            for line in ("access-control-", "set-cookie", "server:", "unsafe"):
                self.assertNotIn(line, head, rest)

    def test_large_requests(self):
        line = b"X-Long: " + b"a" * 1000 + b"\r\n"
        begin = f"GET {self.path()} HTTP/1.1\r\nHost: {self.ours()}\r\n".encode()
        for request in (begin + line * 1000 + b"\r\n", b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n", begin + b"X: " + b"b" * (1 << 20) + b"\r\n\r\n",
                        b"A" * (1 << 20), begin + b"Content-Length: 99999999999999999999\r\n\r\n"):
            answer = self.serving.raw(request)
            self.assertTrue(answer == b"" or refused(int(answer.split(b" ", 2)[1])), answer[:100])
            self.fine()
        for n in (1000, 1100, 2000, 10000):
            self.assertTrue(refused(self.serving.ask(self.path("view/studies?" + "a=1&" * n), self.ours())), n)
        self.fine()

    def test_bad_arguments(self):
        for rest in ("progress", "progress?study=", "progress?study=no_such_study", "progress?study=cells&study=cells", "progress?study=cells&x=1", "progress?study", "trials?study=%00",
                     "trials?study=%zz", "trials?study=%ff", "figure?study=cells&kind=nothing", "figure?study=cells&layer=-1", "figure?study=cells&rolling=x", "figure?study=cells&what=1",
                     "figure?study=cells&size=1", "figure", "trial?trial=-1", "trial?trial=x", "trial?trial=1%20or%201", "trial?trial=1abc", "trial?trial=1e0", "studies?x=1", "claims?study=' OR 1=1 --"):
            with self.assertRaises(urllib.error.HTTPError, msg=rest) as refused_with:
                self.serving.view(rest.replace(" ", "%20"))
            self.assertEqual(refused_with.exception.code, 404, rest)
            self.assertIn("error", json.loads(refused_with.exception.read()), rest)
        self.assertIn("no study 'nothing'", self.serving.view("figure?study=nothing")["none"])

    def test_slow_visitors(self):
        """200 that say nothing, or a letter: a good one is served beside them."""
        slow = []
        for i in range(200):
            slow.append(self.serving.connect())
            slow[-1].sendall(b"GET / HT"[:i % 8])
        for _ in range(20):
            self.fine()
        self.assertEqual(len(self.serving.view("studies")["studies"]), 13)
        for s in slow:  # and those are let go by and by
            answer = receive(s)
            self.assertTrue(answer == b"" or refused(int(answer.split(b" ", 2)[1])), answer[:100])
            s.close()

    def test_random_bytes(self):
        chance = random.Random(7)
        good = f"GET {self.path('view/studies')} HTTP/1.1\r\nHost: {self.ours()}\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
        for _ in range(3):
            sent = []
            for i in range(200):  # at once, since those whose request is never whole are waited for
                request = bytearray(good) if i % 2 else bytearray(chance.randrange(256) for _ in range(chance.randrange(1, 300)))
                for _ in range(chance.randrange(1, 6)):
                    request[chance.randrange(len(request))] = chance.randrange(256)
                sent.append(self.serving.connect())
                sent[-1].sendall(bytes(request))
            for s in sent:
                answer = receive(s)
                s.close()
                self.assertTrue(answer == b"" or not answer.startswith(b"HTTP/1.1 5") or answer.startswith((b"HTTP/1.1 501", b"HTTP/1.1 505")), answer[:200])
        self.fine()

    def test_same_as_the_commands(self):
        def printed(*args):
            return json.loads(subprocess.run([TPRUN, *args, "--db", self.db, "--format=json"], capture_output=True, check=True, env=ENVIRONMENT, timeout=HANG).stdout)
        self.assertEqual(self.serving.view("studies")["studies"], printed("ls"))
        shown = printed("show", "diverging")
        progress = self.serving.view("progress?study=diverging")
        self.assertEqual(self.serving.view("progress?study=two_lines")["study"][0]["path"], "fig2.yaml")  # of /home/her/lee
        self.assertEqual(progress["study"], [{**row, "path": os.path.basename(row["path"]) if row["path"] else None} for row in shown["study"]])
        for section in ("variants", "tags", "notes"):
            self.assertEqual(progress[section], shown[section])
        for options, arguments in (((), ""), (("--metric", "train_loss", "--log"), "&metric=train_loss&log=1"), (("--band", "ci95"), "&band=ci95"), (("--size", "85"), "&size=85")):
            svg = subprocess.run([TPRUN, "plot", "two_lines", *options, "--db", self.db], capture_output=True, text=True, check=True, env=ENVIRONMENT, timeout=HANG).stdout
            self.assertEqual(self.serving.view("figure?study=two_lines" + arguments)["svg"], svg, options)

    def test_points_of_figures(self):
        connection = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        rows = {(v, s): (m, n) for v, s, m, n in connection.execute(
            "SELECT variant, step, mean, n FROM curves WHERE study = 'two_lines' AND metric = 'train_loss'")}
        connection.close()
        series = self.serving.view("figure?study=two_lines&kind=curves&metric=train_loss")["series"]
        self.assertEqual({s["name"] for s in series}, {"back_propagation", "target_propagation"})
        seen = 0
        for s in series:
            for _, _, step, mean, _, _, n in s["points"]:
                self.assertAlmostEqual(mean, rows[s["name"], step][0], delta=1e-12)
                self.assertEqual(n, rows[s["name"], step][1])
                seen += 1
        self.assertEqual(seen, len(rows))

    def test_loopback_alone(self):
        """No socket of it listens elsewhere."""
        found = set()
        for name in ("tcp", "tcp6"):
            try:
                with open("/proc/net/" + name, encoding="ascii") as f:
                    for line in list(f)[1:]:
                        words = line.split()
                        address, port = words[1].split(":")
                        if words[3] == "0A" and int(port, 16) == self.serving.port:
                            found.add(address)
            except FileNotFoundError:
                pass
        self.assertIn("0100007F", found)
        self.assertLessEqual(found, {"0100007F", "00000000000000000000000001000000"})


class Life(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-serve-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "results.db")

    def refused(self, *args):
        done = subprocess.run([TPRUN, "serve", "--port", "0", *args], capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=HANG)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def test_what_cannot_be_served(self):
        status, said = self.refused("--db", os.path.join(self.folder, "nothing.db"))
        self.assertEqual(status, 5, said)
        self.assertIn("nothing.db", said)
        studies.make(self.db)
        connection = sqlite3.connect(self.db)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        status, said = self.refused("--db", self.db)
        self.assertEqual(status, 5)
        self.assertIn("schema version 99", said)
        self.assertEqual(self.refused("--db", self.db, "--port", "65536")[0], 2)

    def test_the_url_cannot_be_told(self):
        studies.make(self.db)
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([TPRUN, "serve", "--db", self.db, "--port", "0"], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                                  env=ENVIRONMENT, timeout=HANG)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write the URL: No space left on device", done.stderr)

    def test_a_taken_port(self):
        studies.make(self.db)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            status, said = self.refused("--db", self.db, "--port", str(taken.getsockname()[1]))
        self.assertEqual(status, 2)
        self.assertIn("--port 0 takes a free one", said)

    def test_ends_when_told(self):
        """With a stream and a request half sent; the process that reads ends too."""
        studies.make(self.db)
        for number in (signal.SIGINT, signal.SIGTERM):
            serving = Serving(self.db)
            stream, half = self.stream(serving), serving.connect()
            self.assertIn(b"text/event-stream", stream.recv(4096))
            half.sendall(b"GET /")
            serving.view("studies")
            children = children_of(serving.process.pid)
            self.assertEqual(len(children), 1)
            status, _ = serving.stop(number)
            self.assertEqual(status, 0)
            for child in children:
                self.assertFalse(os.path.exists(f"/proc/{child}"))
            for s in (stream, half):
                s.close()

    def test_follows_commits(self):
        studies.make(self.db)
        serving = Serving(self.db)
        self.addCleanup(serving.stop)
        with self.stream(serving) as stream:
            lines = stream.makefile("rb")

            def next_version():
                for line in lines:
                    if line.startswith(b"data: "):
                        return int(line[6:])
                return None
            first = next_version()
            self.assertIsNotNone(first)
            before = serving.view("studies")["studies"][0]["trials"]
            for i in range(3):
                writer = sqlite3.connect(self.db)
                writer.execute("PRAGMA journal_mode = WAL")
                with writer:
                    writer.execute("INSERT INTO trial (key, study_id, variant, cell, seed, config_id, budget, state, generation, created_ms, updated_ms) "
                                   "SELECT ?, t.study_id, variant, cell, 1000 + ?, config_id, budget, 'queued', t.generation, 0, 0 FROM trial t "
                                   "JOIN study s ON s.id = t.study_id WHERE s.name = 'all_zero' LIMIT 1", (f"new{i}", i))
                writer.close()
                version = next_version()
                while serving.view("studies")["studies"][0]["trials"] < before + i + 1:
                    version = next_version()
                self.assertGreater(version, first)
                first = version

    def test_nobody_asks(self):
        """The database is closed when no page is open, and opened again."""
        studies.make(self.db)
        serving = Serving(self.db)
        self.addCleanup(serving.stop)
        for _ in range(2):
            self.assertEqual(len(serving.view("studies")["studies"]), 13)
            while children_of(serving.process.pid):
                time.sleep(0.05)

    def test_the_file_goes_and_comes_back(self):
        studies.make(self.db)
        serving = Serving(self.db)
        self.addCleanup(serving.stop)
        self.assertEqual(len(serving.view("studies")["studies"]), 13)
        os.rename(self.db, self.db + ".away")
        with self.assertRaises(urllib.error.HTTPError) as gone:
            serving.view("studies")
        self.assertEqual(gone.exception.code, 503)
        self.assertIn("results.db", json.loads(gone.exception.read())["error"])
        os.rename(self.db + ".away", self.db)
        self.assertEqual(len(serving.view("studies")["studies"]), 13)

    def test_the_reader_is_killed(self):
        """Its death is an answer; the next question has a new one."""
        studies.make(self.db)
        serving = Serving(self.db)
        self.addCleanup(serving.stop)
        with self.stream(serving):  # as long as a page is open there is a reader
            for _ in range(3):
                while not (children := children_of(serving.process.pid)):
                    time.sleep(0.02)
                os.kill(children[0], signal.SIGKILL)
                for _ in range(3):
                    try:
                        answer = serving.view("studies")
                        break
                    except urllib.error.HTTPError as error:
                        self.assertEqual(error.code, 503)
                self.assertEqual(len(answer["studies"]), 13)

    @staticmethod
    def stream(serving):
        connection = serving.connect()
        connection.sendall(f"GET /{serving.token}/events HTTP/1.1\r\nHost: 127.0.0.1:{serving.port}\r\n\r\n".encode())
        return connection

    def test_hostile_names(self):
        """Texts of the database are strings of JSON, and text of the figure: nothing that a browser would take for markup."""
        made = studies.Studies(self.db)
        for i, name in enumerate(HOSTILE):
            study = made.study(name, title=name, paper=name)
            made.trial(study, name, i, made.learning(2), {"train.optimizer.stepsize": name})
        made.db.commit()
        made.db.close()
        serving = Serving(self.db)
        self.addCleanup(serving.stop)
        self.assertEqual({s["study"] for s in serving.view("studies")["studies"]}, set(HOSTILE))
        for name in HOSTILE:
            quoted = urllib.parse.quote(name, safe="")
            for view in ("progress", "trials", "choices", "claims", "costs"):
                serving.view(f"{view}?study={quoted}")
            svg = serving.view(f"figure?study={quoted}")["svg"]
            for tag in ("<script", "<img", "]]>", "<!--"):
                self.assertNotIn(tag, svg)


if __name__ == "__main__":
    unittest.main(verbosity=2)
