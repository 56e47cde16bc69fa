#include "cli/cli.h"

#include "base/clean.h"
#include "credit/credit.h"
#include <string.h>

static void print_entry(const char *name, const char *help, const char *ref)
{
    printf("  %-25s %s%s%s%s\n", name, help ? help : "", ref ? " [" : "", ref ? ref : "", ref ? "]" : "");
}

static void print_range(const struct option *o)
{
    if (o->min != 0 || o->max != 0)
        printf(", %s %g%s", o->flags & OPTION_ABOVE_MIN ? "above" : "from", o->min, "");
    if (o->max != 0 && o->max < 1e300)
        printf(" to %g", o->max);
}

static void print_options(const struct option *table, int indent)
{
    static const char *const types[] = { "",    "true or false", "integer",       "number", "",       "text",
                                         "map", "part",          "list of parts", "names",  "numbers" };
    for (const struct option *o = table; o && o->type != OPT_END; o++) {
        printf("%*s%s: ", indent, "", o->name);
        if (o->names && o->type == OPT_ENUM)
            for (size_t i = 0; o->names[i]; i++)
                printf("%s%s", i ? " | " : "", o->names[i]);
        else if (o->type == OPT_PART && (o->flags & OPTION_PLAIN))
            for (size_t i = 0; i < o->registry->n_parts; i++)
                printf("%s%s", i ? " | " : "", o->registry->parts[i]->name);
        else
            printf("%s%s", o->type == OPT_PARTS && (o->flags & OPTION_PLAIN) ? "part or " : "", types[o->type]);
        if (o->type == OPT_INT || o->type == OPT_REAL || o->type == OPT_REALS)
            print_range(o);
        if (o->type == OPT_INT && o->names)
            printf(", or %s", o->names[0]);
        if (option_has_default(o))
            printf(" (default %s)", o->dflt);
        else if (o->flags & OPTION_REQUIRED)
            printf(" (required)");
        printf(". %s\n", o->help ? o->help : "");
        if (o->type == OPT_MAP)
            print_options(o->table, indent + 4); /* tables nest two or three deep, never in a circle */
    }
}

static void print_registry(const struct registry *r, bool options)
{
    printf("%s\n", r->kind);
    for (size_t i = 0; i < r->n_parts; i++) {
        print_entry(r->parts[i]->name, r->parts[i]->help, r->parts[i]->ref);
        if (options)
            print_options(r->parts[i]->options, 8);
    }
    if (options && r->beside) {
        printf("  beside the name of a %s in a list\n", r->kind);
        print_options(r->beside->options, 8);
    }
}

/* "mappings" and "mapping" are the same kind, and "feedback_loss", as a file has it, is "feedback loss"; so is
 * "update" "update rule". An algorithm is the name of a preset. */
static bool is_kind(const char *word, const char *kind)
{
    size_t n = 0;
    if (!word || (!strcmp(kind, "algorithm") && (!strcmp(word, "presets") || !strcmp(word, "preset"))))
        return true;
    while (kind[n] && (word[n] == kind[n] || (word[n] == '_' && kind[n] == ' ')))
        n++;
    if (!kind[n])
        return !word[n] || !strcmp(word + n, "s") || !strcmp(word + n, "es");
    return kind[n] == ' ' && !strcmp(kind + n, " rule") && (!word[n] || !strcmp(word + n, "s"));
}

static int unknown_kind(const struct cli *c, const char *kind)
{
    const char *names[32] = { "algorithm" };
    size_t n = 1;
    for (size_t i = 0; trial_registries[i] && n < 32; i++)
        names[n++] = trial_registries[i]->kind;
    struct err e = { 0 };
    struct text all = { 0 };
    for (size_t i = 0; i < n; i++)
        text_add(&all, "%s%s", i ? ", " : "", names[i]);
    const int code = err_set(&e, ERR_USAGE, "no kind of part '%s'; there are %s", kind, all.s);
    text_free(&all);
    return cli_fail(c, code, &e);
}

/* One part for other programs. */
static void put_record(struct text *t, enum query_format format, const char *kind, const char *name, const char *help,
                       const char *ref)
{
    const char *const values[] = { kind, name, help ? help : "", ref ? ref : "" };
    static const char *const keys[] = { "kind", "name", "help", "ref" };
    text_puts(t, format == FORMAT_JSON && t->n > 1                  ? ",\n{"
                 : format == FORMAT_JSON || format == FORMAT_NDJSON ? "{"
                                                                    : "");
    for (size_t i = 0; i < 4; i++) {
        const size_t n = strlen(values[i]);
        if (format == FORMAT_CSV) {
            text_puts(t, i ? "," : "");
            clean_csv(t, values[i], n);
        } else if (format == FORMAT_MARKDOWN) {
            text_puts(t, "| ");
            clean_markdown(t, values[i]);
            text_putc(t, ' ');
        } else {
            text_add(t, "%s\"%s\":", i ? "," : "", keys[i]);
            clean_json(t, values[i], n);
        }
    }
    text_puts(t, format == FORMAT_CSV        ? "\r\n"
                 : format == FORMAT_MARKDOWN ? "|\n"
                 : format == FORMAT_NDJSON   ? "}\n"
                                             : "}");
}

static bool put_records(struct text *t, enum query_format format, const char *kind)
{
    const size_t before = t->n;
    if (is_kind(kind, "algorithm"))
        for (const struct preset *p = presets; p->name; p++)
            put_record(t, format, "algorithm", p->name, p->help, p->ref);
    for (size_t i = 0; trial_registries[i]; i++)
        for (size_t k = 0; is_kind(kind, trial_registries[i]->kind) && k < trial_registries[i]->n_parts; k++) {
            const struct part *p = trial_registries[i]->parts[k];
            put_record(t, format, trial_registries[i]->kind, p->name, p->help, p->ref);
        }
    return t->n > before;
}

static int list_records(const struct cli *c, const char *kind)
{
    struct text t = { 0 };
    const enum query_format format = cli_format(c, FORMAT_TABLE);
    if (format == FORMAT_JSON)
        text_putc(&t, '[');
    else if (format == FORMAT_CSV)
        text_puts(&t, "kind,name,help,ref\r\n");
    else if (format == FORMAT_MARKDOWN)
        text_puts(&t, "| kind | name | help | ref |\n|---|---|---|---|\n");
    const bool known = put_records(&t, format, kind);
    if (known)
        printf("%s%s", t.s, format == FORMAT_JSON ? "]\n" : "");
    text_free(&t);
    return known ? 0 : unknown_kind(c, kind);
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    const char *kind = c->arguments.n ? c->arguments.items[0] : NULL;
    bool known = false;
    if (cli_format(c, FORMAT_TABLE) != FORMAT_TABLE)
        return list_records(c, kind);
    if (is_kind(kind, "algorithm")) {
        known = true;
        puts("algorithm");
        for (const struct preset *p = presets; p->name; p++) {
            print_entry(p->name, p->help, p->ref);
            if (kind)
                printf("        %s\n", p->parts);
        }
    }
    for (size_t i = 0; trial_registries[i]; i++)
        if (is_kind(kind, trial_registries[i]->kind)) {
            known = true;
            print_registry(trial_registries[i], kind || c->verbose);
        }
    return known ? 0 : unknown_kind(c, kind);
}

const struct command command_list = {
    .name = "list",
    .arguments = "[KIND]",
    .summary = "List the parts that a file may name, with their papers",
    .help = "KIND (algorithm, layer, mapping, metric, ...) shows one kind with every option.\n",
    .shared = (const struct cli_option *const[]){ cli_formats, NULL },
    .max_arguments = 1,
    .run = run,
};
