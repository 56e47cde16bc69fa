/* The files that queued trials read: looked at once for a configuration, before the first trial starts. Trials whose
 * files cannot be used have failed, and wait no longer. */
#include "run/private.h"

#include <stdlib.h>
#include <string.h>

/* What is known of a configuration's files. */
struct checked {
    int64_t config;
    bool varies;       /* trials name files of their own */
    bool initial;      /* its file of initial weights was checked */
    const char *fault; /* why no trial of it can be trained; NULL: none */
};

static bool names_files(const struct store_described *d)
{
    bool any = false;
    for (size_t i = 0; i < d->n_params; i++)
        any |= !strncmp(d->params[i].key, "dataset", 7) || !strncmp(d->params[i].key, "network.init.from", 17) ||
               !strcmp(d->params[i].key, "precision");
    return any;
}

struct recorder {
    struct runner *runner;
    const char *dataset;
    struct err *e;
};

static int record(void *self, const char *path, const char *sha256)
{
    const struct recorder *x = self;
    const struct store_dataset d = { x->dataset, path, sha256 };
    return store_dataset(x->runner->store, &d, x->e);
}

/* What is wrong with a file, or odd about it ("not the canonical CIFAR-10"), is told once: here. */
static int check_files(struct runner *r, const struct config *c, bool initial, const char **fault, struct err *e)
{
    struct err found = { 0 };
    struct recorder x = { r, c->dataset.part->name, e };
    int code = data_files_check(&r->data_files, c, record, &x, fault, &found);
    if (code == 0 && !*fault && initial)
        code = initial_file_check(&r->data_files, c, fault, &found);
    if (code < 0 && !e->code)
        err_move(e, &found);
    if (code < 0 && !e->code)
        err_set(e, code, "out of memory");
    err_print(&found, stderr, r->options->color);
    err_clear(&found);
    return code;
}

static int check_trial(struct runner *r, const struct pending *p, struct checked *c, struct err *e)
{
    struct stored_trial t = { 0 };
    int code = stored_load(r, p->trial, &t, e);
    if (code == 0)
        code = check_files(r, &t.config, !p->has_checkpoint, &c->fault, e);
    c->varies = names_files(&t.described);
    c->initial |= !p->has_checkpoint;
    store_free_described(&t.described);
    return code;
}

/* What is known of the files of a queued trial, looked at now if that is needed. */
static int find_checked(struct runner *r, const struct pending *p, struct checked **all, size_t *n,
                        struct checked **found, struct err *e)
{
    size_t k = *n; /* trials of a configuration stand side by side: it is among the last ones */
    while (k > 0 && (*all)[k - 1].config != p->config)
        k--;
    if (k == 0) {
        struct checked *grown = realloc(*all, (*n + 1) * sizeof *grown);
        if (!grown)
            return err_set(e, ERR_MEMORY, "out of memory");
        *all = grown;
        grown[(*n)++] = (struct checked){ .config = p->config, .varies = true };
        k = *n;
    }
    *found = &(*all)[k - 1];
    return (*found)->varies || !((*found)->initial || p->has_checkpoint) ? check_trial(r, p, *found, e) : 0;
}

/* What the trials have is dropped once it is known that their files can be read, and that the run goes on. */
static int reset_all(struct runner *r, struct err *e)
{
    const bool over = r->options->fail_fast && r->result->failed > 0;
    for (size_t i = 0; i < r->n_pending; i++)
        TRY(over || signals_stops() > 0 ? store_keep_trial(r->store, r->pending[i].trial, e)
                                        : store_reset_trial(r->store, r->pending[i].trial, e));
    return store_flush(r->store, e); /* others look at what is finished */
}

int queue_check_files(struct runner *r, struct err *e)
{
    struct checked *all = NULL;
    size_t n = 0, kept = 0, i = 0;
    int code = 0;
    for (; i < r->n_pending && code == 0 && signals_stops() == 0; i++) {
        const struct pending p = r->pending[i];
        struct checked *c = NULL;
        code = find_checked(r, &p, &all, &n, &c, e);
        if (code == 0 && c->fault)
            code = attempt_refuse(r, p, c->fault, e);
        else
            r->pending[kept++] = p;
    }
    for (; i < r->n_pending; i++) /* a signal has come */
        r->pending[kept++] = r->pending[i];
    r->n_pending = kept;
    free(all);
    return code == 0 && r->options->force ? reset_all(r, e) : code;
}
