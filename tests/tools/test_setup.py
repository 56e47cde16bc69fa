#!/usr/bin/env python3
"""tools/setup on systems that are and are not Debian's. Programs that would install or build something only tell that they were called."""
import os
import shutil
import subprocess
import tempfile
import unittest

SETUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "setup")


class Setup(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-setup-")
        os.mkdir(self.path("bin"))
        for program in ("apt-get", "sudo", "meson", "ninja"):
            self.program(program, f'echo "{program} $*" >>{self.path("called")}')

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name, line):
        with open(self.path(f"bin/{name}"), "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\n{line}\n")
        os.chmod(self.path(f"bin/{name}"), 0o755)

    def setup(self, about, found, status, architecture="amd64"):
        """found: whether every library is there. Returns what was said, and what was called."""
        if about is not None:
            with open(self.path("os-release"), "w", encoding="utf-8") as out:
                out.write(about)
        self.program("pkg-config", f"exit {0 if found else 1}")
        self.program("dpkg", "echo " + architecture)
        self.program("dpkg-query", "echo install ok installed" if found else "exit 1")
        environment = {**os.environ, "PATH": self.path("bin") + ":" + os.environ["PATH"], "TPRUN_OS_RELEASE": self.path("os-release")}
        done = subprocess.run([SETUP, self.path("build")], capture_output=True, text=True, check=False, env=environment, timeout=1000)
        self.assertEqual(done.returncode, status, done.stderr)
        called = self.path("called")
        if not os.path.exists(called):
            return done.stderr, []
        with open(called, encoding="utf-8") as f:
            return done.stderr, f.read().splitlines()

    def test_elsewhere_it_says_what_is_missing_and_calls_nothing(self):
        for about, name in (('ID=fedora\nPRETTY_NAME="Fedora Linux 40"\n', "Fedora Linux 40"), ("ID=arch\nPRETTY_NAME='Arch Linux'\n", "Arch Linux"),
                            ("NAME=Strange\n", "another system")):
            said, called = self.setup(about, False, 1)
            self.assertIn(f"this is {name}. Install these by hand", said)
            for word in ("libyaml", "GSL", "OpenBLAS", "SQLite, 3.31 or newer", "cairo", "Check"):
                self.assertIn(f"\n  {word}", said)
            self.assertEqual(called, [])

    def test_without_the_file(self):
        self.assertIn("this is another system.", self.setup(None, False, 1)[0])

    def test_elsewhere_with_all_there_it_builds(self):
        said, called = self.setup("ID=opensuse-leap\nID_LIKE='suse opensuse'\n", True, 0)
        self.assertEqual((said, [line.split()[0] for line in called]), ("", ["meson", "ninja"]))

    def test_debian_and_what_is_like_it_installs(self):
        for about in ("ID=debian\n", "ID=ubuntu\nID_LIKE=debian\n", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'):
            said, called = self.setup(about, False, 0)
            self.assertIn("installing: gcc libc6-dev meson", said)
            self.assertTrue(any("apt-get install" in line or line.startswith("sudo env") for line in called), called)
            os.unlink(self.path("called"))

    def test_packages_of_another_processor_are_left_out(self):
        for architecture, generator in (("amd64", True), ("arm64", False)):
            said, called = self.setup("ID=debian\n", False, 0, architecture)
            self.assertEqual(" libxsmm-dev " in said, generator, said)
            self.assertNotIn("[", said + " ".join(called))

    def test_debian_with_all_there_builds(self):
        said, called = self.setup("ID=debian\n", True, 0)
        self.assertEqual((said, [line.split()[0] for line in called]), ("", ["meson", "ninja"]))


if __name__ == "__main__":
    unittest.main()
