/* What many trials of a study have in common is found once: the shape of a dataset, for which files may be read. */
#include "trial/private.h"

#include "base/hash.h"
#include "base/text.h"
#include "spec/bind.h"
#include <string.h>

struct config_known {
    struct config_known *next;
    char hex[65]; /* of the dataset's name and options */
    struct data_shape data;
};

int config_find_shape(struct config *c, struct config_cache *cache, struct err *e)
{
    const struct dataset_def *dataset = dataset_def_of(c->dataset);
    if (!cache)
        return dataset->shape(c->dataset.opts, &c->data, e);
    struct text key = { 0 };
    char hex[65];
    text_puts(&key, dataset->part.name);
    bind_json(dataset->part.options, c->dataset.opts, 0, &key);
    hash_bytes_hex(key.s, key.n, hex);
    text_free(&key);
    for (const struct config_known *k = cache->known; k; k = k->next)
        if (strcmp(k->hex, hex) == 0) {
            c->data = k->data;
            return 0;
        }
    TRY(dataset->shape(c->dataset.opts, &c->data, e));
    struct config_known *k = arena_need(cache->arena, 1, sizeof *k);
    *k = (struct config_known){ .next = cache->known, .data = c->data };
    memcpy(k->hex, hex, sizeof hex);
    cache->known = k;
    return 0;
}
