#include "run/merge.h"

#include "base/clean.h"
#include "base/file.h"
#include "base/text.h"
#include "run/merge_folder.h"
#include "run/publish.h"
#include "store/copy.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A database that takes part. */
struct input {
    char *path; /* malloc'ed */
    char copy[4096];
    struct checkpoint_folder folder; /* of its checkpoints; fd -1: it has none */
};

struct merging {
    const struct merge_options *options;
    struct merge_result *result;
    struct merge_folder folder; /* the copies */
    size_t n, capacity;
    struct input *inputs;
    struct checkpoint_folder to; /* of the output's checkpoints */
    int64_t absent;              /* checkpoints that could not be brought */
};

/* ---- which databases ---- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int add_input(struct merging *m, const char *path, struct err *e)
{
    if (is_same_file(path, m->options->output))
        return 0; /* the output takes part as it is */
    for (size_t i = 0; i < m->n; i++)
        if (is_same_file(path, m->inputs[i].path))
            return 0;
    if (m->n == m->capacity) {
        const size_t capacity = 2 * m->capacity + 16;
        struct input *grown = realloc(m->inputs, capacity * sizeof *grown);
        if (!grown)
            return err_set(e, ERR_MEMORY, "out of memory");
        m->inputs = grown;
        m->capacity = capacity;
    }
    m->inputs[m->n] = (struct input){ .path = strdup(path), .folder = { .fd = -1 } };
    return m->inputs[m->n].path ? (m->n++, 0) : err_set(e, ERR_MEMORY, "out of memory");
}

static int is_database(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return d->d_name[0] != '.' && dot && !strcmp(dot, ".db");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct merging *m, const char *folder, struct err *e)
{
    struct dirent **entries;
    const int n = scandir(folder, &entries, is_database, by_name);
    int code = n < 0 ? err_set(e, ERR_IO, "%s: %s", folder, strerror(errno)) : 0;
    if (n == 0)
        code = err_set(e, ERR_USAGE, "%s: no *.db files in this folder", folder);
    for (int i = 0; i < n; i++) {
        struct text path = { 0 };
        text_add(&path, "%s/%s", folder, entries[i]->d_name);
        if (code == 0)
            code = add_input(m, path.s, e);
        text_free(&path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return code;
}

static int find_inputs(struct merging *m, struct err *e)
{
    for (size_t i = 0; i < m->options->n_inputs; i++) {
        struct stat st;
        const char *path = m->options->inputs[i];
        if (stat(path, &st) < 0)
            err_set(e, ERR_STORAGE, "cannot open %s: %s", path, strerror(errno));
        else if (S_ISDIR(st.st_mode))
            (void)add_folder(m, path, e);
        else
            (void)add_input(m, path, e);
    }
    return e->code;
}

/* ---- copies ---- */

static int open_copy(const char *path, struct err *e)
{
    struct store *s;
    struct err closing = { 0 };
    TRY(store_open(&s, path, e));
    int code = store_check(s, e);
    if (store_close(s, &closing) < 0 && code == 0)
        code = err_move(e, &closing);
    err_clear(&closing);
    return code;
}

/* What is said of a copy is said of what it is a copy of. */
static void retell(const struct input *x, const struct err *of_copy, struct err *e)
{
    struct text t = { 0 };
    const char *rest = err_first(of_copy), *found;
    while ((found = strstr(rest, x->copy))) {
        text_put(&t, rest, (size_t)(found - rest));
        text_puts(&t, x->path);
        rest = found + strlen(x->copy);
    }
    text_puts(&t, rest);
    err_set(e, of_copy->code, "%s", t.s);
    text_free(&t);
}

/* Copies an input, brings the copy up to date, and looks whether it is whole. Every one that is not is told. */
static int take_input(struct merging *m, size_t i, struct err *e)
{
    struct input *x = &m->inputs[i];
    struct err own = { 0 };
    bool empty = false;
    char path[4096];
    if (snprintf(x->copy, sizeof x->copy, "%s/%zu.db", m->folder.path, i) >= (int)sizeof x->copy)
        return err_set(e, ERR_STORAGE, "%s: the path is too long", m->folder.path);
    int code = database_copy(x->path, x->copy, &own);
    if (code == 0)
        code = query_check(x->copy, &empty, &own);
    if (code == 0 && !empty)
        code = open_copy(x->copy, &own);
    if (code < 0)
        retell(x, &own, e);
    err_clear(&own);
    if (empty)
        x->copy[0] = 0;
    if (code == 0 && checkpoint_folder_path(x->path, path, &own) == 0)
        (void)checkpoint_folder_open(&x->folder, path, false, &own);
    err_clear(&own);
    return code;
}

/* ---- merging ---- */

static bool bring_from(struct merging *m, const struct input *x, const char *name, const char *sha256)
{
    struct err missed = { 0 };
    const bool brought = x->folder.fd >= 0 && checkpoint_exists(&x->folder, name) &&
                         checkpoint_copy(&x->folder, &m->to, name, sha256, &missed) == 0;
    err_clear(&missed);
    return brought;
}

static int bring(void *self, const char *name, const char *sha256)
{
    struct merging *m = self;
    for (size_t i = 0; i < m->n; i++)
        if (bring_from(m, &m->inputs[i], name, sha256)) {
            m->result->checkpoints++;
            return 0;
        }
    m->absent++;
    return ERR_IO;
}

/* In the database between, rows alone. */
static int bring_nothing(void *self, const char *name, const char *sha256)
{
    (void)self, (void)name, (void)sha256;
    return 0;
}

/* All inputs in one database, "all.db". */
static int merge_inputs(struct merging *m, const char *path, struct err *e)
{
    struct store *s;
    struct err closing = { 0 };
    struct merge_counts counts = { 0 };
    TRY(store_open(&s, path, e));
    int code = 0;
    for (size_t i = 0; i < m->n && code == 0; i++) {
        const struct merge_source source = { m->inputs[i].copy, m->inputs[i].path, m->options->keep_both, bring_nothing,
                                             NULL };
        if (source.copy[0])
            code = store_merge(s, &source, &counts, e);
    }
    m->result->counts.different += counts.different;
    m->result->counts.notes += counts.notes;
    if (store_close(s, &closing) < 0 && code == 0)
        code = err_move(e, &closing);
    err_clear(&closing);
    return code;
}

struct studies {
    size_t n, capacity;
    int64_t *ids;
};

static int add_study(void *self, int64_t id)
{
    struct studies *s = self;
    if (s->n == s->capacity) {
        const size_t capacity = 2 * s->capacity + 64;
        int64_t *ids = realloc(s->ids, capacity * sizeof *ids);
        if (!ids)
            return ERR_MEMORY;
        s->ids = ids;
        s->capacity = capacity;
    }
    s->ids[s->n++] = id;
    return 0;
}

static int refresh_all(struct store *s, struct err *e)
{
    struct studies all = { 0 };
    int code = store_visit_studies(s, add_study, &all, e);
    for (size_t i = 0; i < all.n && code == 0; i++)
        code = store_refresh(s, all.ids[i], e);
    free(all.ids);
    return code;
}

static int open_checkpoints(struct checkpoint_folder *f, const char *db, struct err *e)
{
    char path[4096];
    TRY(checkpoint_folder_path(db, path, e));
    TRY(file_make_folders(path, ERR_STORAGE, e));
    return checkpoint_folder_open(f, path, true, e);
}

/* copy: where the output is worked on, if not in its place. */
static int merge_into(struct merging *m, const char *db, const char *all, struct publication *copy, struct err *e)
{
    struct store *s;
    int64_t recovered;
    struct err closing = { 0 };
    const struct merge_source source = { all, m->n == 1 ? m->inputs[0].path : m->options->output, m->options->keep_both,
                                         bring, m };
    TRY(store_open(&s, db, e));
    store_limit_measures(s, &m->options->limits);
    int code = store_recover(s, &recovered, e); /* of a runner that died in it: nobody else is */
    if (code == 0)
        code = open_checkpoints(&m->to, db, e);
    if (code == 0)
        code = store_merge(s, &source, &m->result->counts, e);
    if (code == 0)
        code = refresh_all(s, e);
    if (code == 0 && copy)
        code = publication_put(copy, s, &m->to, e);
    checkpoint_folder_close(&m->to);
    if (store_close(s, &closing) < 0 && code == 0)
        code = err_move(e, &closing);
    err_clear(&closing);
    return code;
}

static int merge_all(struct merging *m, struct err *e)
{
    char all[4096 + 16];
    struct publication copy;
    TRY(find_inputs(m, e));
    if (m->n == 0)
        return err_set(e, ERR_USAGE, "there is nothing to be merged into %s but itself", m->options->output);
    m->result->n_databases = m->n;
    for (size_t i = 0; i < m->n; i++)
        (void)take_input(m, i, e);
    if (e->code)
        return e->code;
    snprintf(all, sizeof all, "%s/all.db", m->folder.path);
    TRY(merge_inputs(m, all, e));
    if (!publication_is_needed(m->options->output))
        return merge_into(m, m->options->output, all, NULL, e);
    int code = publication_open(&copy, m->options->output, publication_folder(), false, e);
    if (code == 0)
        code = merge_into(m, copy.copy, all, &copy, e);
    publication_close(&copy, code, e);
    return code;
}

int merge_databases(const struct merge_options *o, struct merge_result *result, struct err *e)
{
    struct merging m = { .options = o, .result = result, .to = { .fd = -1 } };
    *result = (struct merge_result){ 0 };
    int code = merge_folder_open(&m.folder, e);
    if (code == 0)
        code = merge_all(&m, e);
    merge_folder_close(&m.folder);
    if (code == 0 && m.absent && !o->quiet)
        clean_print_line(stderr,
                         "tprun: warning: %lld checkpoints were absent or damaged: trials that are not finished go on "
                         "from older ones, or begin anew",
                         (long long)m.absent);
    for (size_t i = 0; i < m.n; i++) {
        checkpoint_folder_close(&m.inputs[i].folder);
        free(m.inputs[i].path);
    }
    free(m.inputs);
    return code;
}
