#!/usr/bin/env python3
"""Downloads against a server on loopback that cuts connections, stalls, lies about lengths and serves wrong bytes.

usage: check_fetch.py TPRUN FETCH_ONE

Whatever happens, a file either appears under its name with the pinned bytes, or does not appear at all."""
import gzip, hashlib, http.server, io, os, pathlib, random, subprocess, sys, tarfile, tempfile, threading, time, unittest

TPRUN, FETCH_ONE = sys.argv[1:3]
del sys.argv[1:3]
BYTES = random.Random(1).randbytes(300_000)
GZ = gzip.compress(BYTES, 1)
NAME = "numbers"


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """/MODE/NAME serves files[NAME] in a way that MODE names. A new connection for each request."""
    files, seen = {}, []

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        _, mode, name = self.path.split("/", 2)
        data = self.files.get(name)
        begin = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        self.seen.append((mode, begin))
        if mode == "missing" or data is None:
            return self.send_error(404)
        if mode == "html":
            data = b"<html>please log in</html>"
            begin = 0
        if mode == "wrong":
            data = gzip.compress(BYTES[:-1] + b"!", 1)
        if mode == "no-range" or mode == "endless":
            begin = 0
        if mode.startswith("redirect"):
            target = {"redirect": "/good/" + name, "redirect-file": "file:///etc/passwd",
                      "redirect-loop": self.path}[mode]
            self.send_response(302)
            self.send_header("Location", target)
            return self.end_headers()
        if begin >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        if mode not in ("endless", "unannounced"):
            length = 10 ** 10 if mode == "huge" else len(data) - begin
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            if mode == "cut" or (mode in ("cut-once", "no-range") and len(self.seen) == 1):
                self.wfile.write(data[begin:begin + 100_000])
            elif mode == "barren":
                pass
            elif mode == "stall" and len(self.seen) == 1:
                self.wfile.write(data[:1000])
                self.wfile.flush()
                time.sleep(4)
            elif mode == "endless":
                while True:
                    self.wfile.write(b"x" * 65536)
            elif mode == "unannounced":
                self.wfile.write(data[begin:begin + 100_000])
            else:
                self.wfile.write(data[begin:])
        except (BrokenPipeError, ConnectionResetError):
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments):
        pass


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.url = "http://127.0.0.1:%d/" % cls.server.server_port

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name) / "a" / "b"
        Handler.files = {NAME + ".gz": GZ}
        Handler.seen = []

    def tearDown(self):
        self.scratch.cleanup()

    def run_program(self, *arguments, **more):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        environment.update(more)
        return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, env=environment, timeout=1000)

    def fetch(self, *sources, digest=sha(BYTES), size=len(BYTES), stall=1):
        return self.run_program(FETCH_ONE, self.folder, stall, "file", NAME, size, digest, *sources)

    def names(self):
        return sorted(p.name for p in self.folder.iterdir()) if self.folder.exists() else []

    def kept(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / NAME).read_bytes(), BYTES)
        self.assertEqual(self.names(), [NAME])

    def refused(self, result, words, left=()):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(self.names(), list(left))


class Transfers(Base):
    def test_whole(self):
        self.kept(self.fetch(self.url + "good"))
        before = len(Handler.seen)
        again = self.fetch(self.url + "good/")
        self.kept(again)
        self.assertIn("is there already", again.stdout)
        self.assertEqual(len(Handler.seen), before)

    def test_cut_connections_are_resumed(self):
        self.kept(self.fetch(self.url + "cut"))
        self.assertEqual([begin for _, begin in Handler.seen], [0, 100_000, 200_000, 300_000][:len(Handler.seen)])
        self.assertGreater(len(Handler.seen), 2)

    def test_a_stalled_connection_is_resumed(self):
        self.kept(self.fetch(self.url + "stall"))
        self.assertEqual(Handler.seen, [("stall", 0), ("stall", 1000)])

    def test_a_server_that_cannot_resume(self):
        self.kept(self.fetch(self.url + "no-range"))

    def test_a_later_call_resumes(self):
        self.folder.mkdir(parents=True)
        (self.folder / (NAME + ".gz.part")).write_bytes(GZ[:150_000])
        self.kept(self.fetch(self.url + "good"))
        self.assertEqual(Handler.seen, [("good", 150_000)])

    def test_a_part_that_is_complete(self):
        self.folder.mkdir(parents=True)
        (self.folder / (NAME + ".gz.part")).write_bytes(GZ)
        self.kept(self.fetch(self.url + "good"))

    def test_a_part_of_something_else_is_started_anew(self):
        self.folder.mkdir(parents=True)
        (self.folder / (NAME + ".gz.part")).write_bytes(b"?" * 150_000)
        self.kept(self.fetch(self.url + "good"))
        self.assertEqual(Handler.seen, [("good", 150_000), ("good", 0)])

    def test_nothing_comes(self):
        self.refused(self.fetch(self.url + "barren"), "0 bytes are kept", [NAME + ".gz.part"])
        self.assertEqual(len(Handler.seen), 3)

    def test_an_unnoticed_cut(self):
        self.refused(self.fetch(self.url + "unannounced"), "the gzip data is cut off at byte 100000")

    def test_redirections(self):
        self.kept(self.fetch(self.url + "redirect"))

    def test_redirection_to_a_file(self):
        self.refused(self.fetch(self.url + "redirect-file"), "rotocol", [NAME + ".gz.part"])

    def test_redirection_in_a_circle(self):
        self.refused(self.fetch(self.url + "redirect-loop"), "redirect", [NAME + ".gz.part"])


class WrongBytes(Base):
    def test_wrong_bytes(self):
        result = self.fetch(self.url + "wrong")
        self.refused(result, "wrong bytes: SHA-256 " + sha(BYTES[:-1] + b"!"))
        self.assertIn("expected " + sha(BYTES), result.stderr)

    def test_html(self):
        self.refused(self.fetch(self.url + "html"), "26 bytes, neither gzip data nor the 300000 bytes expected")

    def test_missing(self):
        self.refused(self.fetch(self.url + "missing"), "404", [NAME + ".gz.part"])

    def test_endless(self):
        self.refused(self.fetch(self.url + "endless"), "sends more than the 365836 bytes that it can be")

    def test_announced_too_large(self):
        self.refused(self.fetch(self.url + "huge"), "sends more than the 365836 bytes that it can be")

    def test_gzip_bomb(self):
        Handler.files[NAME + ".gz"] = gzip.compress(bytes(50_000_000))
        self.refused(self.fetch(self.url + "good"), "inflates to more than the 300000 bytes expected")

    def test_short(self):
        Handler.files[NAME + ".gz"] = gzip.compress(BYTES[:-1])
        self.refused(self.fetch(self.url + "good"), "inflates to 299999 bytes; expected 300000")

    def test_bytes_behind(self):
        Handler.files[NAME + ".gz"] = GZ + b"more"
        self.refused(self.fetch(self.url + "good"), "4 bytes follow the gzip data")

    def test_the_next_mirror(self):
        for bad in "wrong", "missing", "html", "endless":
            with self.subTest(bad):
                self.kept(self.fetch(self.url + bad, self.url + "good"))
                (self.folder / NAME).unlink()

    def test_nothing_is_overwritten(self):
        self.folder.mkdir(parents=True)
        (self.folder / NAME).write_bytes(b"mine")
        self.refused(self.fetch(self.url + "good"), "is not the published file: SHA-256 " + sha(b"mine"), [NAME])
        self.assertEqual((self.folder / NAME).read_bytes(), b"mine")
        self.assertEqual(Handler.seen, [])

    def test_many_at_once(self):
        """One brings the file, from its beginning to its name; the others are told, or find it there."""
        for _ in range(8):
            results = []
            threads = [threading.Thread(target=lambda: results.append(self.fetch(self.url + "good"))) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((self.folder / NAME).read_bytes(), BYTES)
            self.assertEqual(self.names(), [NAME])
            for result in results:
                if result.returncode:
                    self.assertIn("another `tprun fetch` is at it", result.stderr)
            (self.folder / NAME).unlink()

    def test_two_at_once(self):
        import fcntl
        self.folder.mkdir(parents=True)
        with open(self.folder / (NAME + ".gz.part"), "wb") as part:
            fcntl.flock(part, fcntl.LOCK_EX)
            self.refused(self.fetch(self.url + "good"), "another `tprun fetch` is at it", [NAME + ".gz.part"])


class Folders(Base):
    def test_gzip_and_plain(self):
        source = pathlib.Path(self.scratch.name) / "so urce"
        source.mkdir()
        (source / (NAME + ".gz")).write_bytes(GZ)
        self.kept(self.fetch(source))
        self.assertEqual((source / (NAME + ".gz")).read_bytes(), GZ)
        (source / (NAME + ".gz")).unlink()
        (source / NAME).write_bytes(BYTES)
        for form in (source, "file://" + str(source).replace(" ", "%20"), "file://localhost" + str(source)):
            (self.folder / NAME).unlink()
            self.kept(self.fetch(form))

    def test_wrong(self):
        source = pathlib.Path(self.scratch.name) / "source"
        self.refused(self.fetch(source), "No such file")
        source.mkdir()
        (source / NAME).write_bytes(BYTES[::-1])
        self.refused(self.fetch(source), "wrong bytes: SHA-256 " + sha(BYTES[::-1]))
        self.refused(self.fetch("ftp://127.0.0.1/"), "neither http(s)://, file:// nor a folder")
        self.refused(self.fetch("file://elsewhere/tmp"), "neither http(s)://, file:// nor a folder")


def member(name, data=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    return info, data


def archive(*members, form=tarfile.USTAR_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as t:
        for info, data in members:
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


A, B = BYTES[:70_000], BYTES[:1024]
TOP, MA, MB, README = member("top/", kind=tarfile.DIRTYPE), member("top/a.bin", A), member("top/b.bin", B), member("top/readme.html", b"hello")


class Archives(Base):
    def fetch_archive(self, tar, *sources, digest=None, most=10 ** 6, compress=True):
        data = gzip.compress(tar, 1) if compress else tar
        Handler.files = {"all.tar.gz": data}
        return self.run_program(FETCH_ONE, self.folder, 1, "archive", "all.tar.gz", most, digest or sha(data), "top",
                                "a.bin=70000,b.bin=1024", *(sources or [self.url + "good"]))

    def test_whole(self):
        for form in tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT:
            self.assertEqual(self.fetch_archive(archive(TOP, MB, README, MA, form=form)).returncode, 0)
            self.assertEqual(self.names(), ["a.bin", "b.bin", "tprun.sha256"])
            self.assertEqual((self.folder / "a.bin").read_bytes(), A)
            self.assertEqual((self.folder / "b.bin").read_bytes(), B)
            sums = (self.folder / "tprun.sha256").read_text()
            self.assertEqual(sums, f"{sha(A)}  a.bin\n{sha(B)}  b.bin\n")
            again = self.fetch_archive(archive(TOP, MA, MB), self.url + "missing")
            self.assertEqual(again.returncode, 0)
            (self.folder / "b.bin").unlink()  # one that was lost comes back
            self.assertEqual(self.fetch_archive(archive(TOP, MB, README, MA)).returncode, 0)
            for p in self.folder.iterdir():
                p.unlink()

    def test_the_archive_itself(self):
        path = pathlib.Path(self.scratch.name) / "mine.tgz"
        path.write_bytes(gzip.compress(archive(TOP, MA, MB), 1))
        result = self.fetch_archive(archive(), path, digest=sha(path.read_bytes()))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.names(), ["a.bin", "b.bin", "tprun.sha256"])

    def test_wrong_sum(self):
        self.refused(self.fetch_archive(archive(TOP, MA, MB), digest="0" * 64), "expected " + "0" * 64)

    def test_somebody_elses_files(self):
        self.folder.mkdir(parents=True)
        (self.folder / "b.bin").write_bytes(b"mine")
        self.refused(self.fetch_archive(archive(TOP, MA, MB)), "did not come out of all.tar.gz", ["b.bin"])

    def test_refused(self):
        whole = archive(TOP, MA, MB)
        header = bytearray(whole)
        header[600] ^= 1
        for name, tar, words in (
            ("missing member", archive(TOP, MA), "has no member top/b.bin"),
            ("twice", archive(TOP, MA, MB, MA), "a member for the second time"),
            ("size", archive(TOP, member("top/a.bin", A + b"x"), MB), "of another size"),
            ("empty", archive(TOP, member("top/a.bin"), MB), "of another size"),
            ("absolute", archive(member("/top/a.bin", A), MB), "outside of the archive's folder"),
            ("parent", archive(TOP, MA, member("top/../b.bin", B)), "not a plain file of the archive's folder"),
            ("parent first", archive(TOP, MA, member("../top/b.bin", B)), "outside of the archive's folder"),
            ("other folder", archive(TOP, MA, MB, member("topper/c", B)), "outside of the archive's folder"),
            ("subfolder", archive(TOP, MA, MB, member("top/d/c", B)), "not a plain file"),
            ("link", archive(TOP, MA, member("top/b.bin", kind=tarfile.SYMTYPE, link="/etc/passwd")), "not a plain file"),
            ("hard link", archive(TOP, MA, member("top/b.bin", kind=tarfile.LNKTYPE, link="top/a.bin")), "not a plain"),
            ("device", archive(TOP, MA, member("top/b.bin", kind=tarfile.CHRTYPE)), "not a plain file"),
            ("fifo", archive(TOP, MA, member("top/b.bin", kind=tarfile.FIFOTYPE)), "not a plain file"),
            ("long name", archive(TOP, MA, member("top/" + "x" * 120, B), MB, form=tarfile.GNU_FORMAT), "outside of"),
            ("pax", archive(TOP, MA, member("top/" + "\u00e4" * 99, B), MB, form=tarfile.PAX_FORMAT), "outside of"),
            ("large extra", archive(TOP, MA, MB, member("top/extra", bytes(2_000_000))), "a large file"),
            ("many", archive(TOP, *[member(f"top/{i}", b"x") for i in range(100)], MA, MB), "more entries"),
            ("checksum", bytes(header), "whose checksum is wrong"),
            ("cut in data", whole[:30_000], "the archive ends at byte 30000"),
            ("cut in header", whole[:700], "the archive ends at byte 700"),
            ("no end", whole[:512 * (1 + 1 + 137 + 1 + 2)], "the archive ends at byte"),
            ("data behind", whole + b"x" * 512, "data behind the end"),
            ("nothing", b"", "the archive ends at byte 0"),
        ):
            with self.subTest(name):
                self.refused(self.fetch_archive(tar), words)
        self.refused(self.fetch_archive(b"no gzip data", compress=False), "damaged gzip data")


class Command(Base):
    def tprun(self, *arguments, **more):
        return self.run_program(TPRUN, "fetch", *arguments, **{"HOME": self.scratch.name, "XDG_DATA_HOME": "",
                                                               "TPRUN_DATA": "", **more})

    def test_refusals(self):
        Handler.files = {n + ".gz": GZ for n in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")}
        wrong = self.tprun("mnist", "--from", self.url + "good", "--to", self.folder)
        self.refused(wrong, "inflates to 300000 bytes; expected 47040016")
        Handler.files = {"cifar-10-binary.tar.gz": GZ}
        self.refused(self.tprun("cifar10", "--from", self.url + "good", "--to", self.folder),
                     "expected c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")
        unknown = self.tprun("minst")
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("did you mean 'mnist'", unknown.stderr)
        self.assertEqual(self.tprun().returncode, 2)

    def test_places(self):
        for variable, folder in (("HOME", ".local/share/tprun/mnist"), ("XDG_DATA_HOME", "tprun/mnist"),
                                 ("TPRUN_DATA", "mnist")):
            with tempfile.TemporaryDirectory() as place:
                self.tprun("mnist", "--from", "/nonexistent", **{variable: place})
                self.assertTrue((pathlib.Path(place) / folder).is_dir(), variable)

    def test_real_data(self):
        data = os.environ.get("TPRUN_DATA")
        source = pathlib.Path(data or "/nonexistent") / "mnist"
        if not source.is_dir():
            self.skipTest("left out: fetching the real MNIST (set TPRUN_DATA to a folder that holds mnist/)")
        result = self.tprun("mnist", "--from", source, XDG_DATA_HOME=self.scratch.name)
        self.assertEqual(result.returncode, 0, result.stderr)
        kept = pathlib.Path(self.scratch.name) / "tprun" / "mnist"
        self.assertEqual(sorted(p.stat().st_size for p in kept.iterdir()), [10008, 60008, 7840016, 47040016])


if __name__ == "__main__":
    unittest.main(verbosity=0)
