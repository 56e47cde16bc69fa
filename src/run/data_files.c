/* Data that lies in files is found, checked and recorded before the first trial that needs it starts. */
#include "run/private.h"

#include "base/hash.h"
#include "data/dataset.h"
#include "run/data_files.h"
#include <string.h>

struct visitor {
    struct runner *runner;
    const char *dataset;
    struct err *e;
};

static int record(void *self, const char *path, const char *sha256)
{
    struct visitor *v = self;
    const struct store_dataset d = { v->dataset, path, sha256 };
    return store_dataset(v->runner->store, &d, v->e);
}

int data_files_visit(struct text *seen, const struct config *c,
                     int (*visit)(void *self, const char *path, const char *sha256), void *self, struct err *found)
{
    const struct dataset_def *def = (const struct dataset_def *)c->dataset.part;
    if (!def->files)
        return 0;
    struct text key = { 0 };
    char hex[65];
    text_puts(&key, def->part.name);
    bind_json(def->part.options, c->dataset.opts, 0, &key);
    hash_bytes_hex(key.s, key.n, hex);
    text_free(&key);
    if (seen->n && strstr(seen->s, hex))
        return 0;
    text_puts(seen, hex);
    return def->files(c->dataset.opts, visit, self, found);
}

int data_files_check(struct runner *r, const struct config *c, struct err *e)
{
    struct err found = { 0 };
    struct visitor v = { r, c->dataset.part->name, e };
    const int code = data_files_visit(&r->data_seen, c, record, &v, &found);
    if (code < 0)
        err_move(e, &found);
    else if (found.n_messages)
        err_print(&found, stderr, r->options->color); /* "not the canonical CIFAR-10" */
    err_clear(&found);
    return code;
}

int initial_file_check(struct runner *r, const struct config *c, struct err *e)
{
    char hex[65];
    struct config any_seed = *c;
    if (!c->network.init.from.file)
        return 0;
    any_seed.seed = 0;
    config_key(&any_seed, hex);
    if (r->data_seen.n && strstr(r->data_seen.s, hex))
        return 0;
    text_puts(&r->data_seen, hex);
    struct arena a;
    arena_init(&a, 0);
    const int code = trial_check_initial(c, &a, e);
    arena_finish(&a);
    return code;
}
