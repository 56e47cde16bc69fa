/* Several results as one document. */
#include "store/reader.h"

static int is_empty(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(query_prepare(q, sql, arguments, n_arguments, &stmt, e));
    const int code = query_step(q, stmt, e);
    sqlite3_finalize(stmt);
    return code < 0 ? code : code == 0;
}

void section_heading(const char *name, bool first, enum query_format format, FILE *out)
{
    switch (format) {
    case FORMAT_TABLE:
        fprintf(out, "\n%s\n", name);
        break;
    case FORMAT_MARKDOWN:
        fprintf(out, "\n## %s\n\n", name);
        break;
    case FORMAT_JSON:
        fprintf(out, "%s\"%s\": ", first ? "{" : ",\n", name);
        break;
    case FORMAT_CSV:
        fputs(first ? "section,row,name,value\r\n" : "", out);
        break;
    case FORMAT_NDJSON:
        break;
    }
}

void section_end(enum query_format format, FILE *out)
{
    if (format == FORMAT_JSON)
        fputs("}\n", out);
}

int query_print_sections(struct query *q, const struct query_section *sections, const char *const *arguments,
                         size_t n_arguments, enum query_format format, FILE *out, struct err *e)
{
    const bool machine = format != FORMAT_TABLE && format != FORMAT_MARKDOWN;
    for (const struct query_section *s = sections; s->name; s++) {
        const int empty = machine ? 0 : is_empty(q, s->sql, arguments, n_arguments, e);
        TRY(empty);
        if (empty)
            continue;
        section_heading(s->name, s == sections, format, out);
        TRY(query_print_part(q, s->sql, arguments, n_arguments, format, out, machine ? s->name : NULL, NULL, e));
    }
    section_end(format, out);
    return 0;
}
