#!/usr/bin/env python3
"""test_dist.py SOURCE: the tarball of `meson dist` builds where there is no git, and in the middle of another repository, and says of which
commit it is."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = sys.argv.pop(1)


def call(*args, **kwargs):
    done = subprocess.run(args, capture_output=True, text=True, check=False, timeout=1800, **kwargs)
    if done.returncode:
        raise AssertionError(f"{' '.join(args)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def why_not():
    if not shutil.which("git") or not shutil.which("meson"):
        return "git or meson is not there"
    found = subprocess.run(["git", "-C", SOURCE, "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=False)
    return None if found.stdout.strip() == os.path.realpath(SOURCE) else "the sources are in no git repository of their own"


@unittest.skipIf(why_not(), why_not())
class Dist(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-dist-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def test_builds_without_git(self):
        pack, outer, bare = (os.path.join(self.folder, name) for name in ("pack", "outer", "bin"))
        call("meson", "setup", pack, SOURCE)
        call("meson", "dist", "-C", pack, "--no-tests", "--formats", "gztar", "--allow-dirty")
        (tarball,) = (os.path.join(pack, "meson-dist", name) for name in os.listdir(os.path.join(pack, "meson-dist")) if name.endswith(".tar.gz"))
        call("git", "init", "-q", outer)
        call("git", "-C", outer, "-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "--allow-empty", "-m", "another project")
        call("tar", "-xf", tarball, "-C", outer)
        (name,) = (name for name in os.listdir(outer) if name.startswith("tprun-"))
        source, build = os.path.join(outer, name), os.path.join(outer, "build")
        with open(os.path.join(source, "COMMIT"), encoding="utf-8") as f:
            commit = f.read().strip()
        self.assertTrue(commit.startswith(call("git", "-C", SOURCE, "rev-parse", "HEAD").strip()[:12]), commit)
        for needed in ("COPYING", "debian/control", "docs/spec.md", "experiments/tuned.yaml", "tools/setup"):
            self.assertTrue(os.path.exists(os.path.join(source, needed)), needed)
        self.assertFalse(os.path.exists(os.path.join(source, ".git")))

        os.mkdir(bare)
        with open(os.path.join(bare, "git"), "w", encoding="utf-8") as out:  # as where it is not installed
            out.write("#!/bin/sh\nexit 127\n")
        os.chmod(os.path.join(bare, "git"), 0o755)
        for path in (bare + ":" + os.environ["PATH"], os.environ["PATH"]):
            environment = {**os.environ, "PATH": path}
            if not os.path.exists(build):
                call("meson", "setup", build, source, "--buildtype=debug", f"--prefix={self.folder}/usr", env=environment)
            call("ninja", "-C", build, "tprun", "tprun-worker-single", "tprun-worker-double", "tprun.bash", "_tprun", env=environment)
            self.assertIn(commit, call(os.path.join(build, "tprun"), "--version"))

        call("meson", "install", "-C", build, "--no-rebuild")
        shutil.rmtree(outer)
        program, share = os.path.join(self.folder, "usr", "bin", "tprun"), os.path.join(self.folder, "usr", "share")
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "usr", "bin"))), 1)
        with open(os.path.join(share, "tprun", "schemas", "experiment.schema.json"), encoding="utf-8") as f:
            self.assertEqual(f.read(), call(program, "schema"))
        for name, shell in (("bash-completion/completions/tprun.bash", "bash"), ("zsh/site-functions/_tprun", "zsh")):
            with open(os.path.join(share, name), encoding="utf-8") as f:
                self.assertEqual(f.read(), call(program, "completion", shell))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")}
        call(program, os.path.join(share, "tprun", "experiments", "temporal_order.yaml"), "--db", os.path.join(self.folder, "r.db"), "--variant", "bp",
             "seeds=1", "train.iterations=5", "-q", env=environment)  # its workers lie in libexec


if __name__ == "__main__":
    unittest.main()
