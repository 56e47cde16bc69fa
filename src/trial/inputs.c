/* What decides a trial's numbers and is not in its configuration: the bytes of the files that it reads. */
#include "trial/trial.h"

#include "base/hash.h"
#include "data/dataset.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS_MAX = 16 };

struct inputs {
    size_t n;
    struct input {
        char *name, sha256[65];
    } items[INPUTS_MAX];
};

static int add(struct inputs *in, char *name, const char *sha256)
{
    if (in->n == INPUTS_MAX || !name) {
        free(name);
        return ERR_MEMORY;
    }
    struct input *i = &in->items[in->n++];
    i->name = name;
    memcpy(i->sha256, sha256, sizeof i->sha256);
    return 0;
}

static int add_data(void *self, const char *path, const char *sha256)
{
    return add(self, strdup(path), sha256);
}

/* What of a path lies behind its last n slashes but one. */
static const char *tail(const char *path, size_t n)
{
    const char *at = path + strlen(path);
    while (at > path && (at[-1] != '/' || --n > 0))
        at--;
    return at;
}

/* A data file is called by its bare name, as the folder may move; with so many folders before it as tell it from the
 * others. */
static int shorten(struct inputs *in)
{
    char *names[INPUTS_MAX] = { 0 };
    for (size_t i = 0; i < in->n; i++) {
        const char *path = in->items[i].name, *name = path;
        bool alone = false;
        for (size_t n = 1; !alone && (n == 1 || name > path); n++) {
            name = tail(path, n);
            alone = true;
            for (size_t k = 0; k < in->n; k++)
                alone = alone && (k == i || strcmp(name, tail(in->items[k].name, n)) != 0);
        }
        names[i] = strdup(name);
    }
    int code = 0;
    for (size_t i = 0; i < in->n; i++) {
        if (!names[i]) {
            code = ERR_MEMORY;
            continue;
        }
        free(in->items[i].name);
        in->items[i].name = names[i];
    }
    return code;
}

static int read_all(const struct config *c, bool begins, struct inputs *in, struct err *e)
{
    const struct dataset_def *dataset = (const struct dataset_def *)c->dataset.part;
    const char *weights = c->network.init.from.file;
    struct err found = { 0 }; /* or a warning, which the runner gives */
    int code = dataset->files ? dataset->files(c->dataset.opts, NULL, add_data, in, &found) : 0;
    if (code == 0)
        code = shorten(in);
    if (code < 0 && found.code)
        return err_move(e, &found);
    err_clear(&found);
    if (code < 0)
        return err_set(e, code, "out of memory");
    if (!weights || (!begins && access(weights, F_OK) < 0)) /* a restored trial has its weights: the file may be gone */
        return 0;
    char sha256[65];
    TRY(hash_file_hex(weights, sha256, e));
    return add(in, strdup(weights), sha256) < 0 ? err_set(e, ERR_MEMORY, "out of memory") : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

int trial_inputs(const struct config *c, bool begins, struct text *json, struct err *e)
{
    struct inputs in = { 0 };
    const int code = read_all(c, begins, &in, e);
    qsort(in.items, in.n, sizeof *in.items, by_name);
    for (size_t i = 0; i < in.n; i++) {
        text_puts(json, i ? "," : "{");
        text_json_string(json, in.items[i].name, strlen(in.items[i].name));
        text_add(json, ":\"%s\"%s", in.items[i].sha256, i + 1 == in.n ? "}" : "");
        free(in.items[i].name);
    }
    return code;
}
