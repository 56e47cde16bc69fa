#include "report/report.h"

#include "base/clean.h"
#include "base/file.h"
#include "report/figure.h"
#include "report/heading.h"
#include "report/output.h"
#include "report/section.h"
#include "report/wanted.h"
#include <string.h>
#include <unistd.h>

enum { MAX_INTRO = 1 << 20 };

static int put_intro(struct text *out, const char *path, struct err *e)
{
    uint64_t size;
    const int fd = file_open_regular(path, &size, e);
    TRY(fd);
    struct arena a;
    size_t n = 0;
    arena_init(&a, 0);
    char *bytes = arena_need(&a, MAX_INTRO + 1, 1);
    int code = file_read(fd, bytes, MAX_INTRO + 1, &n, path, e);
    close(fd); /* read only */
    if (code == 0 && n > MAX_INTRO)
        code = err_set(e, ERR_USAGE, "%s: an introduction has up to %d bytes", path, (int)MAX_INTRO);
    while (n > 0 && bytes[n - 1] == '\n')
        n--;
    if (code == 0) {
        text_put(out, bytes, n);
        text_puts(out, "\n\n");
    }
    arena_finish(&a);
    return code;
}

/* Writes one figure to <folder>/<file>.svg and the link to it. One that cannot be drawn is no failure of the report:
 * which (" 2 of 3", or "") is said in its place, and in a warning. */
static int put_figure(const struct section *s, const struct report_options *o, const struct figure_options *wanted,
                      const char *file, const char *which, struct err *e)
{
    const char *folder = o->figures ? o->figures : arena_printf(s->a, "%s/figures", output_folder(s->a, o->output));
    const char *path = arena_printf(s->a, "%s/%s.svg", folder, file);
    struct text svg = { 0 };
    struct err drawing = { 0 };
    int code = figure_draw(&svg, s->q, s->subject->name, wanted, &drawing);
    if (code == ERR_USAGE) {
        err_warn(e, (struct where){ 0 }, "no figure%s: %s", which, err_first(&drawing));
        text_add(s->out, "No figure%s: ", which);
        clean_markdown(s->out, err_first(&drawing));
        text_puts(s->out, ".\n\n");
        code = 0;
    } else if (code < 0) {
        err_move(e, &drawing);
    } else {
        code = output_make_folder(folder, e);
        if (code == 0)
            code = output_write(path, &svg, e);
        text_puts(s->out, "![");
        clean_markdown(s->out, wanted->title ? wanted->title : heading_title(s->subject));
        text_puts(s->out, "](<");
        clean_markdown(s->out, output_relative(s->a, o->output, path));
        text_puts(s->out, ">)\n\n");
    }
    err_clear(&drawing);
    text_free(&svg);
    return code;
}

/* <study>.svg, or those that the experiment file asks for: <study>_1.svg and so on, if it asks for more than one. */
static int put_figures(const struct section *s, const struct report_options *o, struct err *e)
{
    const char *name = s->subject->name;
    const struct figure_options usual = { .log = false };
    struct wanted wanted;
    TRY(wanted_read(&wanted, s->q, s->a, name, e));
    if (!o->figures && !o->output) {
        if (wanted.n > 0)
            text_puts(s->out, "No figures: --output FILE or --figures FOLDER says where they are written.\n\n");
        return 0;
    }
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(name))
        return err_set(e, ERR_USAGE, "study '%s': its name cannot be the name of a file", name);
    if (wanted.n <= 1)
        return put_figure(s, o, wanted.n ? &wanted.items[0] : &usual, name, "", e);
    for (size_t i = 0; i < wanted.n; i++)
        TRY(put_figure(s, o, &wanted.items[i], arena_printf(s->a, "%s_%zu", name, i + 1),
                       arena_printf(s->a, " %zu of %zu", i + 1, wanted.n), e));
    return 0;
}

/* Where it comes from. An absolute path says something about a machine, and is cut to the name of the file. */
static void put_source(const struct section *s)
{
    const struct subject *u = s->subject;
    const char *slash = strrchr(u->path, '/');
    const char *path = *u->path == '/' && slash ? slash + 1 : u->path;
    text_puts(s->out, "Study ");
    clean_code(s->out, u->name);
    if (*u->paper || *u->locator) {
        text_puts(s->out, "; source: ");
        clean_markdown(s->out, u->paper);
        text_puts(s->out, *u->paper && *u->locator ? ", " : "");
        clean_markdown(s->out, u->locator);
    }
    if (*path) {
        text_puts(s->out, "; file ");
        clean_code(s->out, path);
    }
    if (*u->profile) {
        text_puts(s->out, ", profile ");
        clean_code(s->out, u->profile);
    }
    text_puts(s->out, "; specification ");
    clean_markdown(s->out, arena_printf(s->a, "%.12s", u->spec_sha256));
    text_puts(s->out, ".\n\n");
}

static int put_study(const struct section *s, const struct report_options *o, struct err *e)
{
    text_puts(s->out, "## ");
    clean_markdown(s->out, heading_title(s->subject));
    text_puts(s->out, "\n\n");
    put_source(s);
    TRY(put_figures(s, o, e));
    TRY(section_claims(s, e));
    TRY(section_tuned(s, e));
    TRY(section_results(s, e));
    TRY(section_accidents(s, e));
    TRY(section_settings(s, e));
    return section_costs(s, e);
}

/* A line for each study: how many claims of each verdict. */
static int put_overview(struct text *out, struct query *q, const struct subject *subjects, size_t n, struct err *e)
{
    static const char *const head[] = { "study",   "source",    "trials",  "ended", "reproduced",
                                        "refuted", "undecided", "not run", NULL };
    static const char *const verdicts[] = { "reproduced", "refuted", "undecided", "not run" };
    section_head(out, head);
    for (size_t i = 0; i < n; i++) {
        const struct subject *u = &subjects[i];
        size_t ended = 0;
        for (size_t t = 0; t < u->n_trials; t++)
            ended += u->trials[t].ended;
        text_puts(out, "| ");
        clean_markdown(out, heading_title(u));
        text_puts(out, " | ");
        clean_markdown(out, u->locator);
        text_add(out, " | %zu | %zu |", u->n_trials, ended);
        for (size_t v = 0; v < sizeof verdicts / sizeof verdicts[0]; v++) {
            const char *const arguments[] = { u->name, verdicts[v] };
            bool found;
            double count = 0;
            TRY(query_number(q, "SELECT count(*) FROM claims WHERE study = ?1 AND verdict = ?2", arguments, 2, &found,
                             &count, e));
            text_add(out, " %.0f |", count);
        }
        text_putc(out, '\n');
    }
    text_putc(out, '\n');
    return 0;
}

static int put_all(struct text *out, struct query *q, struct arena *a, const char *const *studies, size_t n,
                   const struct report_options *o, struct err *e)
{
    struct subject *subjects = arena_need(a, n, sizeof *subjects);
    for (size_t i = 0; i < n; i++)
        TRY(subject_read(&subjects[i], q, a, studies[i], e));
    if (o->title || !o->intro) { /* an introduction may bring its own heading */
        text_puts(out, "# ");
        clean_markdown(out, o->title ? o->title : "Results");
        text_puts(out, "\n\n");
    }
    if (o->intro)
        TRY(put_intro(out, o->intro, e));
    else
        text_puts(out, "Written by `tprun report` from the database.\n\n");
    if (n > 1)
        TRY(put_overview(out, q, subjects, n, e));
    for (size_t i = 0; i < n; i++) {
        const struct section s = { .out = out, .q = q, .a = a, .subject = &subjects[i] };
        TRY(put_study(&s, o, e));
    }
    while (out->n > 1 && out->s[out->n - 2] == '\n') /* one line break ends the file */
        out->s[--out->n] = '\0';
    return 0;
}

int report_write(struct text *out, struct query *q, const char *const *studies, size_t n,
                 const struct report_options *o, struct err *e)
{
    struct arena a;
    arena_init(&a, 0);
    const int code = put_all(out, q, &a, studies, n, o, e);
    arena_finish(&a);
    return code;
}
