#!/usr/bin/env python3
"""The git repository of an experiment file: its commit and whether it was changed are stored, and nothing of it is run."""
import os
import shutil
import subprocess
import unittest

from test_cli import Cli

TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture", "tiny.yaml")


@unittest.skipUnless(shutil.which("git"), "git is not there")
class Repository(Cli):
    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.folder, "a.db")
        self.root = os.path.realpath(os.path.join(self.folder, "home"))
        self.spec = os.path.join(self.root, "deep", "tiny.yaml")
        os.makedirs(os.path.dirname(self.spec))
        shutil.copy(TINY, self.spec)
        self.git("init", "-q", "-b", "main")
        self.git("add", ".")

    def git(self, *args, root=None, check=True):
        env = {**self.environment, "HOME": self.folder, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@localhost", *args], cwd=root or self.root, env=env, check=check,
                              capture_output=True, text=True).stdout.strip()

    def commit(self):
        self.git("commit", "-q", "-a", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def stored(self, spec=None):
        """What an attempt says: (root, commit, changed), or None."""
        self.call("run", spec or self.spec, "--db", self.db, "-q", "--force")
        return (self.sql("SELECT g.root, g.git_commit, g.changed FROM run r JOIN repository g ON g.id = r.repository_id ORDER BY r.id DESC") or [None])[0]

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.root, path)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def test_states(self):
        self.assertIsNone(self.stored())  # nothing is committed
        commit = self.commit()
        self.assertEqual(self.stored(), (self.root, commit, 0))
        self.assertEqual(self.sql("SELECT count(*) FROM repository"), [(1,)])
        self.write("notes.txt", "not tracked")
        os.utime(self.spec)
        self.assertEqual(self.stored(), (self.root, commit, 0))
        self.write("deep/more.txt", "1")
        self.git("add", "deep/more.txt")
        self.assertEqual(self.stored(), (self.root, commit, 1))  # in the index alone
        commit = self.commit()
        self.assertEqual(self.stored(), (self.root, commit, 0))
        self.write("deep/more.txt", "2")
        self.assertEqual(self.stored(), (self.root, commit, 1))
        self.assertIn(commit + "-dirty", self.call("show", "tiny", "--db", self.db).stdout)
        os.unlink(os.path.join(self.root, "deep", "more.txt"))
        self.assertEqual(self.stored(), (self.root, commit, 1))
        self.git("checkout", "-q", "--", ".")
        self.git("pack-refs", "--all")
        self.git("gc", "-q")
        self.assertEqual(self.stored(), (self.root, commit, 0))
        self.git("checkout", "-q", "--detach")
        self.assertEqual(self.stored(), (self.root, commit, 0))

    def test_linked_work_trees(self):
        commit = self.commit()
        other = os.path.join(os.path.realpath(self.folder), "linked")
        self.git("worktree", "add", "-q", "-b", "side", other)
        spec = os.path.join(other, "deep", "tiny.yaml")
        self.assertEqual(self.stored(spec), (other, commit, 0))
        with open(spec, "a", encoding="utf-8") as f:
            f.write("# changed\n")
        self.assertEqual(self.stored(spec), (other, commit, 1))
        self.git("commit", "-q", "-a", "-m", "y", root=other)
        self.assertEqual(self.stored(spec), (other, self.git("rev-parse", "side"), 0))
        self.assertEqual(self.stored(), (self.root, commit, 0))

    def test_nothing_of_it_runs(self):
        self.write(".gitattributes", "*.yaml filter=evil diff=evil\n")
        self.git("add", ".gitattributes")
        commit = self.commit()
        witness = os.path.join(self.folder, "witness")
        evil = self.write("evil.sh", f"#!/bin/sh\necho ran >> {witness}\ncat\n", 0o755)
        for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "diff.external",
                    "core.pager", "core.sshCommand", "core.editor"):
            self.git("config", key, evil)
        self.git("config", "filter.evil.required", "true")
        hooks = os.path.join(self.root, ".git", "hooks")
        os.makedirs(hooks, exist_ok=True)
        for hook in ("post-index-change", "fsmonitor-watchman", "pre-commit", "post-checkout"):
            shutil.copy(evil, os.path.join(hooks, hook))
        os.utime(self.spec, (1, 1))
        self.git("-c", "core.fsmonitor=false", "status", check=False)  # the control: git itself runs the filter
        self.assertTrue(os.path.exists(witness))
        os.unlink(witness)
        os.utime(self.spec, (2, 2))
        index = os.stat(os.path.join(self.root, ".git", "index")).st_mtime_ns
        self.assertEqual(self.stored(), (self.root, commit, 0))
        self.assertFalse(os.path.exists(witness))
        self.assertEqual(os.stat(os.path.join(self.root, ".git", "index")).st_mtime_ns, index)

    def test_what_is_no_repository(self):
        commit = self.commit()
        head = os.path.join(self.root, ".git", "HEAD")
        for text in ("", "ref: ../../etc/passwd\n", "ref: refs/../../secret\n", "ref: refs/heads/none\n", "x" * 9000, commit[:39], "ref: refs/heads/loop\n"):
            with open(os.path.join(self.root, ".git", "refs", "heads", "loop"), "w", encoding="ascii") as f:
                f.write("ref: refs/heads/loop\n")
            with open(head, "w", encoding="ascii") as f:
                f.write(text)
            self.assertIsNone(self.stored(), text)
        os.unlink(head)
        os.mkfifo(head)
        self.assertIsNone(self.stored())
        os.unlink(head)
        with open(head, "w", encoding="ascii") as f:
            f.write(commit + "\n")
        self.assertEqual(self.stored()[1], commit)
        self.environment["PATH"] = "/nonexistent"  # without git
        self.assertEqual(self.stored(), (self.root, commit, None))
        shutil.rmtree(os.path.join(self.root, ".git"))
        self.assertIsNone(self.stored())

    def test_the_build(self):
        said = self.call("--version").stdout
        self.assertRegex(said, r"^tprun [\d.]+ \([^)]*\)(, commit [0-9a-f]{12}(-dirty)?)?\n$")
        self.call("run", self.spec, "--db", self.db, "-q")
        self.assertEqual(self.sql("SELECT version FROM code"), [(said.strip(),)])


if __name__ == "__main__":
    unittest.main()
