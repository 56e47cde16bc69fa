#!/usr/bin/env python3
"""check_docs.py TPRUN: the manual against the program and the tree."""
import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
TPRUN = os.path.abspath(sys.argv.pop(1))
PAGES = ["README.md", "CHANGELOG.md"] + sorted(os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, "docs", "*.md")))
MAN = ["man/tprun.1", "man/tprun-spec.5", "man/tprun-db.5"]
# Files that only an example of the text makes.
MADE = {"src/credit/fbloss_denoising.c", "src/math/act_softplus.c", "src/net/layer_scale.c", "src/data/spheres.c", "experiments/mine.yaml", "experiments/slip.yaml"}


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def call(*args):
    return subprocess.run([TPRUN, *args], capture_output=True, text=True, check=True, timeout=1000).stdout


def commands():
    return re.findall(r"^  (\w+) +\S", call("--help").split("Commands:")[1].split("\n\n")[0], re.M)


def options(command):
    """[(letter or "", name, argument or "")]"""
    return re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(?: ([A-Z=]+))? ", call(command, "--help"), re.M)


def plain(mdoc):
    """The words of a man page's source, without escapes."""
    return mdoc.replace("\\-", "-").replace("\\&", "")


def prose(markdown):
    """Without blocks of code."""
    return re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S)


def anchor(title):
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


class Commands(unittest.TestCase):
    def test_page_lists_every_command_and_no_other(self):
        page = plain(read("man/tprun.1"))
        section = page.split(".Sh COMMANDS")[1].split(".Sh ")[0]
        listed = re.findall(r"^\.It Cm (\w+)", section, re.M)
        known = commands() + ["help"]
        self.assertEqual(sorted(set(known) - set(listed)), [], "commands without an .It Cm in .Sh COMMANDS of man/tprun.1")
        self.assertEqual(sorted(set(listed) - set(known)), [], "no commands, but in .Sh COMMANDS of man/tprun.1")
        self.assertEqual(sorted(listed), sorted(known), "in .Sh COMMANDS of man/tprun.1")

    def test_page_lists_every_option_and_no_other(self):
        page = plain(read("man/tprun.1"))
        listed = set()
        for line in re.findall(r"^\.It (Fl .*)$", page.split(".Sh OPTIONS")[1].split(".Sh ")[0], re.M):
            letter = re.match(r"Fl (\w) ,", line)
            listed.add((letter.group(1) if letter else "", re.search(r"Fl Fl ([a-z-]+)", line).group(1)))
        known = {(letter, name) for command in commands() for letter, name, _ in options(command)}
        self.assertEqual(sorted(known - listed), [], "options without an .It Fl in .Sh OPTIONS of man/tprun.1")
        self.assertEqual(sorted(listed - known), [], "no options, but in .Sh OPTIONS of man/tprun.1")

    def test_page_gives_every_exit_status(self):
        page = read("man/tprun.1").split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
        told = set(re.findall(r"\b(\d+) ", call("--help").split("Exit status:")[1]))
        self.assertEqual(set(re.findall(r"^\.It (\d+)$", page, re.M)), told)

    def test_variables_of_the_environment(self):
        source = "".join(read(os.path.relpath(p, ROOT)) for p in glob.glob(os.path.join(ROOT, "src", "*", "*.c")))
        # TPRUN_KILL is read by test builds alone (-Dkill_points=true).
        used = set(re.findall(r'(?:getenv|locate_home)\("(\w+)"', source)) - {"TERM", "OPENBLAS_CORETYPE", "HOME", "TPRUN_KILL"}
        page = read("man/tprun.1").split(".Sh ENVIRONMENT")[1].split(".Sh ")[0]
        self.assertEqual(used - set(re.findall(r"^\.It Ev (\w+)", page, re.M)), set())


class Durations(unittest.TestCase):
    """Durations are read and written in one form, base/duration.h, by every command."""

    def test_options(self):
        n = 0
        for command in commands():
            for _, name, argument in options(command):
                if argument not in ("SECONDS", "H"):
                    continue
                n += 1
                alone = "hours" if argument == "H" else "seconds"
                for wrong in ("0", "-1", "x", "nan", "1:30", "5 sec", "30min1h", ""):
                    done = subprocess.run([TPRUN, command, f"--{name}={wrong}"], capture_output=True, text=True, check=False, timeout=1000)
                    self.assertEqual((done.returncode, done.stderr.splitlines()[0]),
                                     (2, f"tprun: error: --{name}: '{wrong}' is not a time above 0, such as 90s, 15min, 1h30min or 2d (a number alone: {alone})"))
                for right in ("90", "0.5", "90s", "15min", "1h30min", "1 h 30 min", "2d", "500ms"):
                    done = subprocess.run([TPRUN, command, f"--{name}={right}", "--no-such-option"], capture_output=True, text=True, check=False,
                                          timeout=1000)
                    self.assertEqual(done.returncode, 2)
                    self.assertIn("--no-such-option", done.stderr)
        self.assertGreater(n, 8)

    def test_no_other_place_prints_them(self):
        pattern = r'%[-+0-9.]*(?:[fgdu]|zu|lld|" PRIu64 "|" PRId64 ") ?(?:s|ms|min|h|d|seconds?|minutes?|hours?|days?)\b(?!\w*=)'
        for path in sorted(glob.glob(os.path.join(ROOT, "src", "*", "*.[ch]"))):
            path = os.path.relpath(path, ROOT)
            if path != "src/base/duration.c":
                code = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
                self.assertEqual(re.findall(pattern, code), [], path)


class Generated(unittest.TestCase):
    def test_references_are_current(self):
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "make_reference.py"), TPRUN, "--check"], capture_output=True, text=True,
                              timeout=1000, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_database_page_has_every_table_and_column(self):
        page = plain(read("man/tprun-db.5"))
        sections = dict(re.findall(r"^\.Ss (\S+)\n(.*?)(?=^\.S[sh] |\Z)", page, re.M | re.S))
        schema = read("src/store/schema.sql") + read("src/store/views.sql")
        rows = re.findall(r"^ *\('(\w+)', '(\w+)', '", schema, re.M)
        self.assertGreater(len(rows), 100)
        for table, column in rows:
            self.assertIn(f".It Cm {column}\n", sections.get(table, ""), f"{table}.{column}")
        store = read("docs/store.md")
        for table in {row[0] for row in rows}:
            self.assertIn(f"`{table}`", store, "docs/store.md")

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not there")
    def test_pages_are_clean(self):
        for page in MAN:
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", os.path.join(ROOT, page)], capture_output=True, text=True, timeout=1000, check=False)
            found = [line for line in (done.stdout + done.stderr).splitlines()
                     if not re.search(r"referenced manual not found|outdated mandoc.db|possible typo in section name", line)]
            self.assertEqual(found, [], page)


class Texts(unittest.TestCase):
    def test_quick_start_is_one_block_of_two_commands(self):
        section = read("README.md").split("## Quick start")[1].split("\n## ")[0]
        blocks = re.findall(r"^```.*?\n(.*?)^```", section, re.M | re.S)
        self.assertEqual([b.split("\n")[:-1] for b in blocks], [["tools/run experiments/temporal_order.yaml", "tools/test"]])
        for program in ("tools/run", "tools/test", "tools/setup"):
            self.assertTrue(os.access(os.path.join(ROOT, program), os.X_OK), program)

    def test_commands_in_the_texts_exist(self):
        known, n = set(commands()), 0
        for page in PAGES + MAN:
            for line in re.findall(r"(?:build/|\.Dl |`)tprun ([^\n`;]*)", read(page)):
                first = line.split()[0] if line.split() else ""
                if re.fullmatch(r"[a-z]+", first):
                    n += 1
                    self.assertIn(first, known, f"{page}: tprun {line}")
                for name in re.findall(r"(?<!\S)--([a-z-]+)", line):
                    every = {o[1] for command in known for o in options(command)} | {"version"}
                    self.assertIn(name, every, f"{page}: tprun {line}")
        self.assertGreater(n, 10)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            text = read(page)
            for target in re.findall(r"\]\(([^)]*)\)", prose(text)):
                if "://" in target:
                    continue
                path, _, fragment = target.partition("#")
                whole = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
                self.assertTrue(os.path.exists(os.path.join(ROOT, whole)), f"{page}: {target}")
                if fragment:
                    titles = [anchor(t) for t in re.findall(r"^#+ (.*)$", read(whole), re.M)]
                    self.assertIn(fragment, titles, f"{page}: {target}")

    def test_paths_exist(self):
        for page in PAGES:
            for path in re.findall(r"`((?:src|tests|tools|docs|man|schemas|experiments)/[\w./*-]*)", read(page)):
                if path not in MADE:
                    self.assertTrue(glob.glob(os.path.join(ROOT, path)), f"{page}: {path}")

    def test_tests_that_are_named_exist(self):
        n = 0
        for part in re.split(r"(?=`tests/)", read("docs/reliability.md").split("## Promises")[1]):
            path = re.match(r"`(tests/[\w/.]+)`", part)
            names = re.findall(r"`((?:test_)?[a-z0-9]+(?:_[a-z0-9]+)+|nesting)`", part.split("\n#")[0]) if path else []
            for name in names:
                n += 1
                self.assertRegex(read(path.group(1)), rf"\b(START_TEST\({name}\)|def {name}\()", f"{path.group(1)}: {name}")
        self.assertGreater(n, 40)

    def test_files_run_as_documented(self):
        """The example of docs/spec.md and every experiment in the tree are sound."""
        example = re.search(r"^```yaml\n(.*?)^```", read("docs/spec.md"), re.M | re.S).group(1)
        done = subprocess.run([TPRUN, "plan", "-", "--db", "/nonexistent/x.db"], input=example, capture_output=True, text=True, timeout=1000, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("bp: 6 trials", done.stdout)
        self.assertIn("tp: 9 trials", done.stdout)
        page = re.search(r"^\.Bd -literal -offset indent\n(version.*?)^\.Ed", read("man/tprun-spec.5"), re.M | re.S).group(1)
        done = subprocess.run([TPRUN, "plan", "-", "--db", "/nonexistent/x.db"], input=page, capture_output=True, text=True, timeout=1000, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
