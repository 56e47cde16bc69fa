#!/usr/bin/env python3
"""check_numbers.py [FOLDER]: a number in the text of an introduction of docs/reproduction stands in a table of its page, and one of docs/findings.md in a table of the page of its study.

A page is NAME.intro.md, by hand, and what `tprun report` writes after it. Tables are those of the report, with its lines of settings ("What they share"), and those of the introduction
that say where they are from: `<!-- source: ... -->` in the line above (the paper, the authors' code, a command, a test). A table without that line is text.

Numbers of the text are looked up rounded as they are printed: 67.6 is found where a table has 67.55, and 3.2 where it has 3.24135. No results, and not looked at:
- code, links, headings, names (fig4a, CIFAR-10, D1 to D9) and what has a number as its name (Figure 2, Table 1, Eq. (3), Section 3.1, profile paper);
- settings: a symbol and its value (T = 60, n = 3, K = 1), and numbers with a unit of a setting behind them (5 seeds, 100 epochs, 10000 iterations, 10000 images ...);
- whole numbers up to 12, which count things, and years.
"""
import glob
import os
import re
import sys
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PAGES = os.path.join(ROOT, "docs", "reproduction")
FINDINGS = os.path.join(ROOT, "docs", "findings.md")
NUMBER = r"(?<![\w.^/-])(\d+(?:\.\d+)?(?:e-?\d+)?)(?![\w^]|\.\d|-\w)"
NAMED = (r"\b(?:Figures?|Figs?\.|Tables?|Sections?|Secs?\.|Eqs?\.|Algorithms?|Alg\.|Propositions?|Lemmas?|Conditions?|Appendix|columns?|rows?|version|step|iteration|epoch|seed|"
         r"D|V|X)\s*\(?(?:\d+(?:\.\d+)*[a-z]?\)?(?:\s*(?:,|and|to|or|-)\s*\(?)?)+")
SETTING = (r"\b\w+\s*(?:=|<=|>=|<|>)\s*-?[\d.]+(?:e-?\d+)?(?:\s*(?:,|and|to|or)\s*[\d.]+(?:e-?\d+)?)*"
           r"|(?:[\d.]+(?:e-?\d+)?(?:\s*(?:,|and|to|or|of|x|/)\s*)?)+\s*(?:paired |fresh |hidden |training |test |feedback |random )?"
           r"(?:seeds?|epochs?|iterations?|steps?|images?|samples?|minibatches|layers?|units?|runs?|trials?|cells?|widths?|lengths?|networks?|variants?|methods?|files?|sweeps?)\b")


def split(text):
    """(lines of text, lines of tables with a source) of an introduction."""
    lines, tables, fenced, sourced = [], [], False, False
    before = ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith(("#", "    ")):
            pass
        elif line.lstrip().startswith("|"):
            sourced = sourced if before.lstrip().startswith("|") else before.lstrip().startswith("<!-- source:")
            (tables if sourced else lines).append(line)
        elif not line.lstrip().startswith("<!--"):
            lines.append(line)
        before = line if line.strip() else before
    return lines, tables


def numbers_of_text(text):
    text = re.sub(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->", " ", text)
    for pattern in (NAMED, SETTING):
        text = re.sub(pattern, " ", text, flags=re.I)
    for found in re.findall(NUMBER, text):
        if not re.fullmatch(r"\d|1[0-2]|(19|20)\d\d", found):
            yield found


def values_of_tables(text):
    return {float(v) for v in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)}


def is_there(printed, values):
    """Whether a value of the tables is printed so, when it is rounded to as many digits."""
    mantissa, _, exponent = printed.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return any(abs(v - float(printed)) <= 0.5000001 * unit for v in values)


def missing(introduction, page):
    lines, tables = split(introduction)
    report = [line for line in page.splitlines() if line.lstrip().startswith(("|", "What they share", "Chosen by"))]
    values = values_of_tables("\n".join(tables + report))
    return [n for n in numbers_of_text("\n".join(lines)) if not is_there(n, values)]


def report_of(introduction):
    """What stands behind the introduction in its page; "" where there is no page yet."""
    page = introduction.replace(".intro.md", ".md")
    text, begins = open_text(page) if os.path.exists(page) else "", open_text(introduction).partition("@")[0].rstrip()  # @COUNTS@ and what follows are replaced
    if text and not text.startswith(begins):
        raise AssertionError(f"{page} has another introduction")
    return text[len(begins):]


class Numbers(unittest.TestCase):
    def test_introductions(self):
        paths = sorted(glob.glob(os.path.join(PAGES, "*.intro.md")))
        self.assertGreater(len(paths), 3)
        for path in paths:
            with self.subTest(page=os.path.basename(path)):
                self.assertEqual(missing(open_text(path), report_of(path)), [], "numbers that no table of the page has")

    def test_findings(self):
        """A finding has no number that is not in a table of the page of the study that it names: its own tables are text."""
        pages = {os.path.basename(path).partition(".")[0]: path for path in glob.glob(os.path.join(PAGES, "*.intro.md"))}
        _, *findings = re.sub(r"<!--.*?-->", "", open_text(FINDINGS)).split("\n## ")
        self.assertLessEqual(len(findings), 12, "at most twelve findings")
        for finding in findings:
            with self.subTest(finding=finding.partition("\n")[0]):
                of = sorted({name for name in pages if re.search(rf"\b{name}_\w+`", finding)})
                self.assertTrue(of, "no command names its study")
                tables = "\n".join(report_of(pages[name]) + "\n" + "\n".join(split(open_text(pages[name]))[1]) for name in of)
                self.assertEqual(missing(finding, tables), [], "numbers that no table of the page has")

    def test_what_counts(self):
        page = "| `tp` | 67.55 ± 0.4 |\n\nWhat they share: `train.batch_size` 20\n"
        for text, found in (("It has 67.6 %.", []), ("It has 67.7 %.", ["67.7"]), ("It has 67.55 and 0.4.", []), ("At T = 60 and K = 2, 5 seeds, Table 14, CIFAR-100.", []),
                            ("three of 12, in 2015, `99`", []), ("| a | 33 |", ["33"]), ("<!-- source: the paper -->\n| a | 33 |\n\nIt has 33.", []), ("13.5 times", ["13.5"]),
                            ("within 1.1e-7", ["1.1e-7"]), ("10000 images, 99 %", ["99"])):
            self.assertEqual(missing(text, page), found, text)


def open_text(path):
    with open(path, encoding="utf-8") as source:
        return source.read()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        PAGES = sys.argv.pop(1)
    unittest.main()
