#include "run/data_files.h"

#include "base/hash.h"
#include "base/text.h"
#include "data/dataset.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

void data_files_free(struct data_files *known)
{
    for (size_t i = 0; i < known->n; i++)
        free(known->items[i].fault);
    free(known->items);
    *known = (struct data_files){ 0 };
}

static const struct data_verdict *find(const struct data_files *known, const char *hex)
{
    for (size_t i = 0; i < known->n; i++)
        if (!strcmp(known->items[i].hex, hex))
            return &known->items[i];
    return NULL;
}

/* Records what the look at the files has given. An error of theirs is a fault; others are handed on. */
static int judge(struct data_files *known, const char *hex, int code, const char **fault, const struct err *found)
{
    const bool wrong = code == ERR_IO || code == ERR_FORMAT || code == ERR_USAGE;
    if (code < 0 && !wrong)
        return code;
    struct data_verdict *grown = realloc(known->items, (known->n + 1) * sizeof *grown);
    if (!grown)
        return ERR_MEMORY;
    known->items = grown;
    struct data_verdict *v = &grown[known->n];
    *v = (struct data_verdict){ .fault = wrong ? strdup(err_first(found)) : NULL };
    if (wrong && !v->fault)
        return ERR_MEMORY;
    memcpy(v->hex, hex, sizeof v->hex);
    known->n++;
    *fault = v->fault;
    return 0;
}

struct data_use data_use_of(const struct config *c)
{
    return (struct data_use){ (uint64_t)c->seed, c->precision == PRECISION_SINGLE ? (double)FLT_MAX : DBL_MAX };
}

int data_files_check(struct data_files *known, const struct config *c,
                     int (*visit)(void *self, const char *path, const char *sha256), void *self, const char **fault,
                     struct err *found)
{
    const struct dataset_def *def = (const struct dataset_def *)c->dataset.part;
    *fault = NULL;
    if (!def->files)
        return 0;
    struct text key = { 0 };
    char hex[65];
    const struct data_use use = data_use_of(c);
    text_add(&key, "%d %s", c->precision, def->part.name);
    bind_json(def->part.options, c->dataset.opts, 0, &key);
    hash_bytes_hex(key.s, key.n, hex);
    text_free(&key);
    const struct data_verdict *v = find(known, hex);
    if (v)
        *fault = v->fault;
    return v ? 0 : judge(known, hex, def->files(c->dataset.opts, &use, visit, self, found), fault, found);
}

int initial_file_check(struct data_files *known, const struct config *c, const char **fault, struct err *found)
{
    char hex[65];
    struct config any_seed = *c;
    *fault = NULL;
    if (!c->network.init.from.file)
        return 0;
    any_seed.seed = 0;
    config_key(&any_seed, hex);
    const struct data_verdict *v = find(known, hex);
    if (v) {
        *fault = v->fault;
        return 0;
    }
    struct arena a;
    arena_init(&a, 0);
    const int code = judge(known, hex, trial_check_initial(c, &a, found), fault, found);
    arena_finish(&a);
    return code;
}
