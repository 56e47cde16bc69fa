/* A walk over the cells of a plan, while they are checked: which shapes there are, how many trials of each, and how
 * many of them have ended in the database. */
#include "run/price.h"

#include "base/hash.h"
#include "run/cells.h"
#include "run/data_files.h"
#include <stdlib.h>
#include <string.h>

/* How far the trials of one variant have come, by key. */
struct price_ended {
    size_t study, variant; /* of the plan */
    size_t n, capacity;
    struct ended_trial {
        char key[65];
        int64_t step; /* a diverged one stays so: INT64_MAX */
    } * items;
};

static int add_ended(void *self, int n, const char *const *values)
{
    struct price_ended *x = self;
    if (n < 2 || !values[0] || !values[1])
        return 0;
    if (x->n == x->capacity) {
        const size_t capacity = 2 * x->capacity + 64;
        struct ended_trial *grown = realloc(x->items, capacity * sizeof *grown);
        if (!grown)
            return ERR_MEMORY;
        x->items = grown;
        x->capacity = capacity;
    }
    struct ended_trial *t = &x->items[x->n++];
    snprintf(t->key, sizeof t->key, "%s", values[0]);
    return text_to_int(values[1], strlen(values[1]), &t->step) < 0 ? ERR_FORMAT : 0;
}

/* One that was interrupted goes on from its checkpoint. */
static int read_ended(struct price_list *l, const char *study, const char *variant, struct err *e)
{
    const char *const arguments[] = { study, variant };
    l->ended->n = 0;
    return query_rows(
        l->q,
        "SELECT t.key, CASE t.state WHEN 'diverged' THEN 9223372036854775807 WHEN 'done' THEN t.finished_budget ELSE"
        " (SELECT max(c.step) FROM checkpoint c WHERE c.trial_id = t.id) END FROM trial t"
        " JOIN study s ON s.id = t.study_id WHERE s.name = ?1 AND t.variant = ?2 ORDER BY t.key",
        arguments, 2, add_ended, l->ended, e);
}

static int compare_key(const void *key, const void *trial)
{
    return strcmp(key, ((const struct ended_trial *)trial)->key);
}

int64_t price_reached(const struct price_list *l, const struct config *c)
{
    char key[65];
    if (l->ended->n == 0)
        return -1;
    config_key(c, key);
    const struct ended_trial *found = bsearch(key, l->ended->items, l->ended->n, sizeof *l->ended->items, compare_key);
    return found ? found->step : -1;
}

static void *grow(void *items, size_t n, size_t size)
{
    if (n & (n - 1))
        return items; /* doubled at powers of two */
    void *grown = realloc(items, (n ? 2 * n : 1) * size);
    if (!grown)
        err_no_memory("the trials of the plan are too different");
    return grown;
}

/* ---- tables ---- */

/* The place of a shape in the hash table: its own, or an empty one. */
static size_t *slot_of(const struct price_list *l, const char *shape)
{
    size_t i = hash_crc32(0, shape, 64) & (l->n_slots - 1);
    while (l->slots[i] && strcmp(l->shapes[l->slots[i] - 1].shape, shape) != 0)
        i = (i + 1) & (l->n_slots - 1);
    return &l->slots[i];
}

size_t price_find(const struct price_list *l, const char *shape)
{
    return l->n_slots ? *slot_of(l, shape) - 1 : SIZE_MAX; /* 0 - 1 for an empty one */
}

static void make_room(struct price_list *l)
{
    if (l->n_slots > 2 * l->n_shapes)
        return;
    l->n_slots = l->n_slots ? 2 * l->n_slots : 64;
    free(l->slots);
    l->slots = calloc(l->n_slots, sizeof *l->slots);
    if (!l->slots)
        err_no_memory("the trials of the plan are too different");
    for (size_t i = 0; i < l->n_shapes; i++)
        *slot_of(l, l->shapes[i].shape) = i + 1;
}

static int ignore_file(void *self, const char *path, const char *sha256)
{
    (void)self, (void)path, (void)sha256;
    return 0;
}

/* What trials would fail at is a warning here: a plan may be made on another machine. */
static void warn_of(struct price_list *l, const char *what, const struct err *found)
{
    const struct where nowhere = { 0 };
    err_warn(&l->warnings, nowhere, "%s cannot be read here, and trials that need it would fail: %s", what,
             err_first(found));
    for (size_t i = 1; i < found->n_messages; i++)
        err_note(&l->warnings, nowhere, "%s", found->messages[i].text);
}

static void look_for_files(struct price_list *l, const struct config *c)
{
    struct err found = { 0 };
    const char *fault;
    int code = data_files_check(&l->files, c, ignore_file, NULL, &fault, &found);
    if (found.code)
        warn_of(l, "the data", &found);
    else
        err_move(&l->warnings, &found); /* what is odd about files that can be read */
    err_clear(&found);
    if (code == 0)
        code = initial_file_check(&l->files, c, &fault, &found);
    if (found.code)
        warn_of(l, "the file of initial weights", &found);
    err_clear(&found);
    if (code < 0)
        err_set(&l->error, code, "out of memory");
}

static size_t find_shape(struct price_list *l, const struct config *c, const struct trial_size *size, size_t study,
                         uint64_t trial)
{
    char hex[65];
    config_shape(c, hex);
    make_room(l);
    size_t *slot = slot_of(l, hex);
    if (*slot)
        return *slot - 1;
    l->shapes = grow(l->shapes, l->n_shapes, sizeof *l->shapes);
    struct price_shape *s = &l->shapes[l->n_shapes++];
    *s = (struct price_shape){ .study = study,
                               .trial = trial,
                               .precision = c->precision,
                               .flops_per_step = size->flops_per_step,
                               .flops_per_log = size->flops_per_log,
                               .feedback_steps =
                                   size->flops_per_step > 0 ? size->flops_per_feedback / size->flops_per_step : 1,
                               .memory_bytes = size->memory_bytes,
                               .checkpoint_bytes = size->checkpoint_bytes };
    memcpy(s->shape, hex, sizeof s->shape);
    look_for_files(l, c);
    *slot = l->n_shapes;
    return *slot - 1;
}

static struct price_class *find_class(struct price_list *l, const struct price_class *like, const struct study_trial *t)
{
    struct price_shape *s = &l->shapes[like->shape];
    for (size_t i = s->classes; i > 0; i = l->classes[i - 1].next) {
        struct price_class *c = &l->classes[i - 1];
        if (c->study == like->study && c->variant == like->variant && c->budget == like->budget &&
            c->checkpoint_every == like->checkpoint_every && c->threads == like->threads)
            return c;
    }
    l->classes = grow(l->classes, l->n_classes, sizeof *l->classes);
    struct price_class *c = &l->classes[l->n_classes++];
    *c = *like;
    c->cell = cells_text(t, &l->arena);
    c->next = s->classes;
    s->classes = l->n_classes;
    return c;
}

static struct price_variant *find_variant(struct price_list *l, size_t study, size_t variant, const struct config *c)
{
    struct price_variant *last = l->n_variants ? &l->variants[l->n_variants - 1] : NULL;
    if (last && last->study == study && last->variant == variant)
        return last;
    l->variants = grow(l->variants, l->n_variants, sizeof *l->variants);
    last = &l->variants[l->n_variants++];
    *last = (struct price_variant){ .study = study, .variant = variant };
    (void)trial_measure(c, &last->first, &l->arena, &l->error); /* it was measured before: no error is new */
    return last;
}

static bool is_wanted(const struct plan *p, const char *variant)
{
    for (size_t k = 0; k < p->options.n_variants; k++)
        if (!strcmp(p->options.variants[k], variant))
            return true;
    return p->options.n_variants == 0;
}

static bool is_asked(const struct study *s, const struct study_trial *t, size_t seed)
{
    return !study_excludes_seed(s, t, seed) && (!s->asked || s->asked[seed]);
}

/* Counts the trials of a cell, which are of one class. */
static void count(const struct price_list *l, const struct study *s, const struct study_trial *t, struct config *c,
                  struct price_class *x, struct price_variant *v)
{
    for (size_t k = 0; k < s->n_seeds; k++) {
        if (!is_asked(s, t, k))
            continue;
        c->seed = s->seeds[k];
        const int64_t step = price_reached(l, c);
        const bool finished = step >= x->budget;
        x->n++;
        v->n++;
        x->n_finished += finished;
        v->n_finished += finished;
        x->left += finished ? 0 : step > 0 ? 1 - (double)step / (double)x->budget : 1;
    }
}

void price_visit(void *self, const struct plan *p, size_t study, size_t variant, uint64_t cell,
                 const struct study_trial *t, struct config *c, const struct trial_size *size)
{
    struct price_list *l = self;
    const struct study *s = &p->studies[study].study;
    size_t first = 0;
    while (first < s->n_seeds && !is_asked(s, t, first))
        first++;
    if (!is_wanted(p, s->variants[variant]) || first == s->n_seeds || l->error.code)
        return;
    if (l->q && !l->anew && (l->ended->study != study || l->ended->variant != variant)) {
        l->ended->study = study;
        l->ended->variant = variant;
        if (read_ended(l, s->name, s->variants[variant], &l->error) < 0)
            return;
    }
    struct price_variant *v = find_variant(l, study, variant, c);
    const struct price_class like = { .shape = find_shape(l, c, size, study, cell * s->n_seeds + first),
                                      .study = study,
                                      .variant = variant,
                                      .trial = cell * s->n_seeds + first,
                                      .budget = size->iterations,
                                      .checkpoint_every = c->checkpoint.seconds,
                                      .threads = c->train.threads,
                                      .work = price_work_of(c, size) };
    struct price_class *x = find_class(l, &like, t);
    count(l, s, t, c, x, v);
    if (s->tune && !p->studies[study].one_off)
        price_visit_tuned(l, s, t, c, (size_t)(x - l->classes), v);
}

void price_open(struct price_list *l, struct query *q)
{
    *l = (struct price_list){ .q = q };
    arena_init(&l->arena, 0);
    l->ended = arena_need(&l->arena, 1, sizeof *l->ended);
    l->ended->study = SIZE_MAX;
}

void price_close(struct price_list *l)
{
    free(l->ended->items);
    free(l->shapes);
    free(l->classes);
    free(l->variants);
    free(l->slots);
    data_files_free(&l->files);
    err_clear(&l->warnings);
    err_clear(&l->error);
    arena_finish(&l->arena);
}
