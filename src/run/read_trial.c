#include "run/read_trial.h"

#include "run/private.h"
#include "store/fragments.h"
#include "trial/numerics.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

struct describing {
    struct store_described *d;
    struct arena *arena;
    size_t capacity;
};

static int add_config(void *self, int n, const char *const *v)
{
    const struct describing *x = self;
    if (n >= 1 && v[0])
        x->d->config = arena_strdup(x->arena, v[0]);
    return 0;
}

static int add_param(void *self, int n, const char *const *v)
{
    struct describing *x = self;
    if (n < 3 || !v[0])
        return 0;
    if (x->d->n_params == x->capacity) {
        x->capacity = 2 * x->capacity + 16;
        struct store_param *grown = arena_need(x->arena, x->capacity, sizeof *grown);
        if (x->d->n_params)
            memcpy(grown, x->d->params, x->d->n_params * sizeof *grown);
        x->d->params = grown;
    }
    struct store_param *p = &x->d->params[x->d->n_params++];
    *p = (struct store_param){ .key = arena_strdup(x->arena, v[0]), .number = (double)NAN };
    if (v[1])
        (void)text_to_double(v[1], strlen(v[1]), &p->number);
    p->text = v[2] ? arena_strdup(x->arena, v[2]) : NULL;
    return 0;
}

int read_described(struct query *q, int64_t trial, struct store_described *d, struct arena *a, struct err *e)
{
    char id[32];
    const char *const arguments[] = { id };
    struct describing to = { .d = d, .arena = a };
    snprintf(id, sizeof id, "%" PRId64, trial);
    TRY(query_rows(q, "SELECT c.text FROM trial t JOIN config c ON c.id = t.config_id WHERE t.id = CAST(?1 AS INTEGER)",
                   arguments, 1, add_config, &to, e));
    return query_rows(q, "SELECT key, num, text FROM param WHERE trial_id = CAST(?1 AS INTEGER)", arguments, 1,
                      add_param, &to, e);
}

struct reader {
    struct read_trial *t;
    struct arena *arena;
};

static int add_trial(void *self, int n, const char *const *v)
{
    const struct reader *r = self;
    if (n < 2 || !v[0] || !v[1] || text_to_int(v[1], strlen(v[1]), &r->t->budget) < 0)
        return ERR_STORAGE;
    r->t->key = arena_strdup(r->arena, v[0]);
    return 0;
}

static int add_checkpoint(void *self, int n, const char *const *v)
{
    const struct reader *r = self;
    struct read_trial *t = r->t;
    struct read_checkpoint c;
    if (n < 3 || !v[0] || !v[1] || !v[2] || text_to_int(v[0], strlen(v[0]), &c.step) < 0)
        return ERR_STORAGE;
    c.name = arena_strdup(r->arena, v[1]);
    c.sha256 = arena_strdup(r->arena, v[2]);
    if (t->n < sizeof t->checkpoints / sizeof *t->checkpoints)
        t->checkpoints[t->n++] = c;
    return 0;
}

int read_trial(struct query *q, int64_t trial, struct read_trial *t, struct arena *a, struct err *e)
{
    char id[32], key[65];
    const char *const arguments[] = { id };
    struct store_described d = { 0 };
    struct reader r = { t, a };
    struct err own = { 0 };
    *t = (struct read_trial){ 0 };
    snprintf(id, sizeof id, "%" PRId64, trial);
    TRY(query_rows(
        q,
        "SELECT \"key\", CASE WHEN state = 'done' AND step < finished_budget THEN step ELSE max(budget, step) END "
        "FROM trial WHERE id = CAST(?1 AS INTEGER)",
        arguments, 1, add_trial, &r, e));
    TRY(query_rows(q, "SELECT step, path, sha256 FROM checkpoint WHERE trial_id = CAST(?1 AS INTEGER) ORDER BY id DESC",
                   arguments, 1, add_checkpoint, &r, e));
    TRY(read_described(q, trial, &d, a, e));
    if (!t->key || !d.config)
        return err_set(e, ERR_STORAGE, "there is no trial %" PRId64, trial);
    int code = stored_bind(&d, &t->config, a, &own);
    if (code == 0) {
        config_key(&t->config, key);
        code =
            strcmp(key, t->key) ? err_set(&own, ERR_STORAGE, "it is not the one that the trial's key was made of") : 0;
    }
    if (code < 0)
        err_set(e, ERR_STORAGE, "the stored configuration of trial %.16s cannot be used: %s", t->key, err_first(&own));
    err_clear(&own);
    return code < 0 ? ERR_STORAGE : 0;
}

static int refuse_bytes(void *self, int n, const char *const *v)
{
    if (n < 3)
        return 0;
    return err_set(self, ERR_CONFLICT,
                   "'%s' is not the file that the trial was begun with: SHA-256 %s then, %s now; bring that one back",
                   v[0], v[1], v[2]);
}

int read_trial_origin(struct query *q, int64_t trial, const struct config *c, bool begins, struct err *e)
{
    static const char version[] =
        "SELECT numerics_version FROM trial t WHERE t.id = CAST(?1 AS INTEGER) AND " HAS_RESULTS("", "t");
    static const char bytes[] =
        "SELECT j.key, j.value, k.value FROM trial t JOIN json_each(CASE WHEN json_valid(t.inputs) THEN t.inputs ELSE "
        "'{}' END) j JOIN json_each(?2) k ON k.key = j.key AND k.value <> j.value WHERE t.id = CAST(?1 AS INTEGER) "
        "AND " HAS_RESULTS("", "t") " ORDER BY j.key LIMIT 1";
    char id[32];
    bool found;
    double n;
    struct text inputs = { 0 };
    struct err own = { 0 };
    snprintf(id, sizeof id, "%" PRId64, trial);
    const char *arguments[] = { id, "{}" };
    TRY(query_number(q, version, arguments, 1, &found, &n, e));
    if (found && n != NUMERICS_VERSION)
        return err_set(e, ERR_CONFLICT, "begun by a tprun whose numbers have version %.0f, and this one's have %d", n,
                       NUMERICS_VERSION);
    int code = trial_inputs(c, begins, &inputs, e);
    arguments[1] = inputs.n ? inputs.s : "{}";
    if (code == 0)
        code = query_rows(q, bytes, arguments, 2, refuse_bytes, &own, e);
    if (own.code) { /* the words of what was found, not that the rows were not read to their end */
        err_clear(e);
        code = err_move(e, &own);
    }
    text_free(&inputs);
    return code;
}
