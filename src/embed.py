#!/usr/bin/env python3
"""embed.py OUTPUT FILE...: writes a C header with one string constant per file, named after it (schema.sql -> schema_sql)."""
import os
import sys

with open(sys.argv[1], "w", encoding="utf-8") as out:
    for path in sys.argv[2:]:
        name = os.path.basename(path).replace(".", "_")
        out.write(f"static const char {name}[] =\n")
        with open(path, encoding="utf-8") as text:
            for line in text:
                escaped = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
                out.write(f'    "{escaped}\\n"\n')
        out.write("    ;\n")
