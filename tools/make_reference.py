#!/usr/bin/env python3
"""make_reference.py TPRUN [--check]: writes the parts of the manual that the program itself knows.

    schemas/experiment.schema.json      what `tprun schema` prints
    docs/spec.md, man/tprun-spec.5      keys, parts and options: `tprun schema`, `tprun list`, and what the program calls missing
    man/tprun-db.5                      tables, views and columns: `_doc` of a database, and the one-line meanings of docs/store.md

Only what stands between the marks "generated" and "end of generated" is replaced. With --check nothing is written; the exit status is 1 if a
file is not current. A test runs that.
"""
import argparse
import difflib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import textwrap

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
TINY = """{version: 1, experiment: tiny, dataset: {name: gaussian, train_size: 4, eval_size: 4, test_size: 4}, network: {layers: [dense: {units: 3}]},
loss: cross_entropy, algorithm: bp, train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 2, iterations: 1}}"""
# Kinds as the schema calls them, in the order of the manual, with the key that holds them.
KINDS = [("dataset", "dataset"), ("layer", "network.layers"), ("activation", "activation"), ("transmission", "transmit of a layer"), ("initialisation", "network.init.weights, network.init.biases"), ("loss", "loss"),
         ("optimizer", "train.optimizer, algorithm.feedback.optimizer"), ("schedule", "schedule of an optimizer"), ("target", "algorithm.target"), ("mapping", "algorithm.mapping"),
         ("feedback loss", "algorithm.feedback_loss"), ("propagate rule", "algorithm.propagate"), ("update rule", "algorithm.update")]
MAPS = ["", "network", "network.init", "network.init.from", "network.input_noise", "train", "train.stop", "algorithm", "algorithm.feedback", "log", "checkpoint"]


class Program:
    """Answers of the program under documentation."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.schema_text = self.call("schema").stdout
        self.schema = json.loads(self.schema_text)["definitions"]
        self.parts = {}
        for row in json.loads(self.call("list", "--format", "json").stdout):
            self.parts.setdefault(row["kind"], []).append(row)
        self.of_presets = {key for _, parts in self.presets() for key in re.findall(r"[{,] *(\w+):", re.sub(r": \{[^}]*\}", ":", parts))}
        self.required = self.required_of_parts() | self.required_of_maps()

    def call(self, *args, text=None, check=True):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")}
        return subprocess.run([self.path, *args], input=text, capture_output=True, text=True, check=check, env=environment)

    def required_of_parts(self):
        """{"kind name option"} from the long list."""
        found, kind, part = set(), "", ""
        for line in self.call("list", "-v").stdout.splitlines():
            words = line.split()
            if not line.startswith(" "):
                kind = line
            elif not line.startswith("   "):
                part = words[0]
            elif " (required)" in line:
                found.add(f"{kind} {part} {words[0].rstrip(':')}")
        return found

    def required_of_maps(self):
        """{"map key"} from the messages about files that leave everything out."""
        found = set()
        for text in ("{version: 1, experiment: x}", "{version: 1, experiment: x, network: {}, train: {}, algorithm: {name: tp, target: null, mapping: null}}"):
            for map_name, key in re.findall(r"error: (?:([a-z_.]+): )?missing required key '(\w+)'", self.call("plan", "-", text=text, check=False).stderr):
                found.add(f"{map_name} {key}")
        return found | {"algorithm name"}  # whose absence has a message of its own

    def presets(self):
        """[(name, parts)]"""
        lines = self.call("list", "algorithms").stdout.splitlines()
        return [(a.split()[0], b.strip()) for a, b in zip(lines[1::2], lines[2::2])]

    def database(self):
        """{table or view: [(column, unit, class, text)]} of a database that holds one small study."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tiny.db")
            self.call("run", "-", "--quiet", "--db", path, text=TINY)
            with sqlite3.connect(path) as db:
                rows = db.execute('SELECT "table", "column", unit, class, text FROM _doc').fetchall()
                order = {}
                for name, in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'").fetchall():
                    order[name] = [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')]
            db.close()
        tables = {}
        for table, column, unit, kind, text in rows:
            tables.setdefault("study_NAME" if table == "study_tiny" else table, []).append((column, unit, kind, text))
        for table, columns in tables.items():
            places = order.get(table, order["study_tiny"])
            columns.sort(key=lambda row, places=places: places.index(row[0]))
        return tables


# ---- options ----

BESIDE = ("#/definitions/by_index", "#/definitions/referring")  # what may stand in place of a value, in a variant


def unwrap(node):
    """A property without the alternatives "null" and "${...}"."""
    inner = node
    while "anyOf" in inner and {"$ref": "#/definitions/reference"} in inner["anyOf"]:
        inner = next(a for a in inner["anyOf"] if a != {"$ref": "#/definitions/reference"})
    return inner


def number(value):
    """As a person writes it: 1e6, 1e-3, 20."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if value == 0 or 1e-2 <= abs(value) < 1e5:
        return f"{value:.15g}"
    mantissa, exponent = f"{value:.15e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def value_text(default):
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, list):
        return "[" + ", ".join(map(value_text, default)) + "]"
    return number(default)


def type_text(node):
    node = unwrap(node)
    if "enum" in node:
        return ", ".join(str(v) for v in node["enum"] if v is not None)
    if "$ref" in node:
        return node["$ref"].rsplit("/", 1)[1].replace("_", " ")
    kind = node.get("type")
    if kind in ("integer", "number"):
        low, above, high = node.get("minimum"), node.get("exclusiveMinimum"), node.get("maximum")
        if above is not None:
            limits = f"> {number(above)}" + (f", <= {number(high)}" if high is not None else "")
        elif low is not None and high is not None:
            limits = f"{number(low)} to {number(high)}"
        else:
            limits = f">= {number(low)}" if low is not None else ""
        return f"{kind} {limits}".strip()
    if kind == "boolean":
        return "true, false"
    if kind == "object":
        return "map"
    if "anyOf" in node:
        arrays = [a for a in node["anyOf"] if a.get("type") == "array"] or [a for b in node["anyOf"] for a in b.get("anyOf", []) if a.get("type") == "array"]
        if arrays:
            items = arrays[0]["items"]
            if items.get("type") in ("number", "integer"):
                return type_text(items) + ", or a list"
            alone = [a for a in node["anyOf"] if "$ref" in a and a["$ref"] not in BESIDE]
            if isinstance(items.get("type"), list):  # a number, or "${...}"
                return type_text({**items, "type": items["type"][0]}) + ", or a list"
            if alone:
                return type_text(alone[0]) + ", or a list"
            return "list of layers" if "$ref" in items else "list of names"
        integers = [a for a in node["anyOf"] if a.get("type") == "integer"]
        if integers:
            return ", ".join([type_text(integers[0])] + [type_text(a) for a in node["anyOf"] if "enum" in a])
        maps = [a for a in node["anyOf"] if a.get("type") == "object"]
        return "name, or map" if maps else "text"
    if kind == "array":
        return "list of names"
    return "text"


def rows_of(properties, owner, program):
    """[(name, type, default, help)]"""
    rows = []
    for name, node in properties.items():
        required = f"{owner} {name}" in program.required
        if owner == "algorithm" and name in program.of_presets:
            default = "preset" + (", or required" if required else "")
        elif required:
            default = "required"
        elif "default" in node:
            default = value_text(node["default"])
        else:
            default = "-"
        rows.append((name, type_text(node), default, node.get("description", "")))
    return rows


def properties_at(program, path):
    properties = program.schema["trial"]["properties"]
    for word in filter(None, path.split(".")):
        node = unwrap(properties[word])
        while "properties" not in node:
            node = next(a for a in node["anyOf"] if a.get("type") == "object")
        properties = node["properties"]
    return properties


def groups_of(program, kind):
    """[(names, rows)]: parts of a kind with the same options stand together."""
    definition = program.schema[kind.replace(" ", "_")]
    groups = []
    for node in definition["anyOf"]:
        properties = node.get("properties")
        if not properties or "name" not in properties:
            continue
        name = next(v for v in properties["name"]["enum"] if v is not None)
        rows = rows_of({k: v for k, v in properties.items() if k != "name"}, f"{kind} {name}", program)
        same = next((g for g in groups if g[1] == rows), None)
        if same:
            same[0].append(name)
        else:
            groups.append(([name], rows))
    return [g for g in groups if g[1]]


def beside(program, kind):
    """Rows of what stands beside a part's name in a list."""
    return rows_of(program.schema.get(kind.replace(" ", "_") + "_element", {}).get("properties", {}), kind, program)


# ---- Markdown ----

def md(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def md_table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join(f"`{cell}`" if i == 0 else md(cell) for i, cell in enumerate(row)) + " |" for row in rows]
    return out + [""]


def spec_markdown(program):
    out = []
    for path in MAPS:
        out += ["### Keys of a trial" if not path else f"### `{path}`", ""]
        out += md_table(("Key", "Value", "Default", "Meaning"), rows_of(properties_at(program, path), path, program))
    out += ["### Algorithms: `algorithm.name`", "", "A preset is a row of parts. What the file says is laid over it.", ""]
    parts = dict(program.presets())
    out += md_table(("Name", "Parts", "Meaning"), [(p["name"], parts[p["name"]], sentence(p)) for p in program.parts["algorithm"]])
    for kind, keys in KINDS:
        out += [f"### {kind.capitalize()}: {', '.join(f'`{k}`' for k in keys.split(', '))}", ""]
        out += md_table(("Name", "Meaning"), [(p["name"], sentence(p)) for p in program.parts[kind]])
        for names, rows in groups_of(program, kind):
            out += [f"Options of {', '.join(f'`{n}`' for n in names)}:", ""]
            out += md_table(("Option", "Value", "Default", "Meaning"), rows)
        if beside(program, kind):
            out += [f"Beside the name of a {kind} in a list:", ""] + md_table(("Key", "Value", "Default", "Meaning"), beside(program, kind))
    out += ["### Metrics: `log.metrics`", ""] + md_table(("Name", "Meaning"), [(p["name"], sentence(p)) for p in program.parts["metric"]])
    return "\n".join(out)


def sentence(part):
    return part["help"] + (f" ({part['ref']})" if part["ref"] else "")


# ---- mdoc ----

def roff(text):
    """Text for mdoc, in lines of 78 columns; a sentence begins a line."""
    lines = []
    for part in re.split(r"(?<=[.!?]) (?=[A-Z])", text.replace("\\", "\\e").replace("-", "\\-")):
        lines += textwrap.wrap(part, 78, break_long_words=False, break_on_hyphens=False)
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def item(name, text):
    return [f".It Cm {roff(name)}", roff(text)]


def option_lines(rows):
    out = [".Bl -tag -width Ds"]
    for name, value, default, text in rows:
        fixed = default.startswith(("required", "preset"))
        notes = value if default == "-" else f"{value}; {default}" if fixed else f"{value}; default {default}"
        out += item(name, f"{text} ({notes})")
    return out + [".El"]


def spec_mdoc(program):
    out = [".Sh KEYS OF A TRIAL"]
    for path in MAPS:
        out += [f".Ss {path or 'Top level'}"] + option_lines(rows_of(properties_at(program, path), path, program))
    out += [".Sh ALGORITHMS", "A preset is a row of parts; what the file says is laid over it.", ".Bl -tag -width Ds"]
    parts = dict(program.presets())
    for p in program.parts["algorithm"]:
        out += item(p["name"], sentence(p)) + [".br", roff(parts[p["name"]])]
    out += [".El", ".Sh PARTS"]
    for kind, keys in KINDS:
        out += [f".Ss {kind.capitalize()} ({keys})", ".Bl -tag -width Ds"]
        options = {name: (names, rows) for names, rows in groups_of(program, kind) for name in names}
        for p in program.parts[kind]:
            out += item(p["name"], sentence(p))
            names, rows = options.get(p["name"], (None, None))
            if rows and names[0] == p["name"]:
                out += option_lines(rows)
            elif rows:
                out += [f"Options as those of {names[0]}."]
        out += [".El"]
        if beside(program, kind):
            out += [f"Beside the name of a {kind} in a list:"] + option_lines(beside(program, kind))
    for title, kind in (("METRICS", "metric"),):
        out += [f".Sh {title}", ".Bl -tag -width Ds"]
        for p in program.parts[kind]:
            out += item(p["name"], sentence(p))
        out += [".El"]
    return "\n".join(out)


def meanings():
    """{table or view: what one row is} of docs/store.md."""
    found = {}
    with open(os.path.join(ROOT, "docs", "store.md"), encoding="utf-8") as f:
        for left, right in re.findall(r"^\| (`[^|]*) \| ([^|]*) \|$", f.read(), re.M):
            for name in re.findall(r"`([^`]*)`", left):
                found[name.replace("<name>", "NAME")] = right.replace("`", "")
    return found


def db_mdoc(program):
    text, out = meanings(), []
    tables = program.database()
    views = [n for n in tables if n.endswith("s") and n not in ("_doc",) or n in ("heatmap", "selected", "study_NAME")]
    for title, names in (("TABLES", [n for n in tables if n not in views]), ("VIEWS", views)):
        out += [f".Sh {title}"]
        for name in sorted(names):
            out += [f".Ss {name}"]
            if name in text:
                out += [roff(f"One row is {text[name]}.")]
            out += [".Bl -tag -width Ds -compact"]
            for column, unit, kind, meaning in tables[name]:
                notes = ", ".join(filter(None, (unit, "in the digest" if kind == "deterministic" else "")))
                out += item(column, meaning + (f" ({notes})" if notes else ""))
            out += [".El"]
    return "\n".join(out)


# ---- files ----

def replace(path, body, comment):
    """The file with what stands between its marks replaced."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        text = f.read()
    begin, end = comment
    head, rest = text.split(begin + "\n", 1)
    tail = rest.split(end, 1)[1]
    return head + begin + "\n" + body.rstrip("\n") + "\n" + end + tail


MARKDOWN = ("<!-- generated by tools/make_reference.py -->", "<!-- end of generated -->")
MDOC = ('.\\" generated by tools/make_reference.py', '.\\" end of generated')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tprun")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    program = Program(args.tprun)
    files = {
        "schemas/experiment.schema.json": program.schema_text,
        "docs/spec.md": replace("docs/spec.md", spec_markdown(program), MARKDOWN),
        "man/tprun-spec.5": replace("man/tprun-spec.5", spec_mdoc(program), MDOC),
        "man/tprun-db.5": replace("man/tprun-db.5", db_mdoc(program), MDOC),
    }
    stale = 0
    for path, text in files.items():
        whole = os.path.join(ROOT, path)
        old = ""
        if os.path.exists(whole):
            with open(whole, encoding="utf-8") as f:
                old = f.read()
        if old == text:
            continue
        stale += 1
        if args.check:
            sys.stdout.writelines(list(difflib.unified_diff(old.splitlines(True), text.splitlines(True), path, "what the program says", n=0))[:20])
            print(f"{path} is not current: run tools/make_reference.py BUILD/tprun")
        else:
            with open(whole, "w", encoding="utf-8") as f:
                f.write(text)
            print(f"wrote {path}")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
