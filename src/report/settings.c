#include "base/clean.h"
#include "report/section.h"

#include <math.h>
#include <string.h>

static const char sql_settings[] =
    "SELECT param, coalesce(text, num) FROM params WHERE trial_id = CAST(?1 AS INTEGER) AND swept = 0 ORDER BY param";
static const char sql_swept[] =
    "SELECT p.key, count(DISTINCT coalesce(p.text, p.num)), min(p.num), max(p.num) FROM study s "
    "JOIN trial t ON t.study_id = s.id AND t.generation = s.generation JOIN param p ON p.trial_id = t.id "
    "WHERE s.name = ?1 AND p.swept = 1 GROUP BY p.key ORDER BY p.key";

enum { MAX_COLUMNS = 12 };

/* The settings of the first trial of each variant, as a table: one row for each key. */
struct row {
    const char *key;
    const char *values[MAX_COLUMNS]; /* NULL: the variant has no such key */
};

struct table {
    struct arena *a;
    size_t n, capacity, n_columns, column; /* column: the one being read */
    struct row *rows;                      /* by key */
};

/* Names and budgets of the bookkeeping tell nothing about the training. */
static bool is_bookkeeping(const char *key)
{
    static const char *const names[] = { "variant", "seed", "experiment", "log.", "checkpoint.", "title", "source" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strncmp(key, names[i], strlen(names[i])))
            return true;
    return false;
}

static int add_setting(void *self, int n, const char *const *values)
{
    struct table *t = self;
    if (n < 2 || !values[0] || !values[1] || is_bookkeeping(values[0]))
        return 0;
    size_t at = 0;
    while (at < t->n && strcmp(t->rows[at].key, values[0]) < 0)
        at++;
    if (at == t->n || strcmp(t->rows[at].key, values[0]) != 0) {
        if (t->n == t->capacity) {
            t->capacity = 2 * t->n + 64;
            struct row *rows = arena_need(t->a, t->capacity, sizeof *rows);
            if (t->n)
                memcpy(rows, t->rows, t->n * sizeof *rows);
            t->rows = rows;
        }
        memmove(t->rows + at + 1, t->rows + at, (t->n - at) * sizeof *t->rows);
        t->rows[at] = (struct row){ .key = arena_strdup(t->a, values[0]) };
        t->n++;
    }
    t->rows[at].values[t->column] = arena_strdup(t->a, values[1]);
    return 0;
}

static bool differs(const struct table *t, const struct row *r)
{
    for (size_t i = 1; i < t->n_columns; i++)
        if (!r->values[i] != !r->values[0] || (r->values[0] && strcmp(r->values[i], r->values[0]) != 0))
            return true;
    return false;
}

/* Worth a line although all variants share it. */
static bool is_important(const char *key)
{
    static const char *const names[] = { "dataset.",
                                         "network.layers.",
                                         "train.",
                                         "precision",
                                         "loss.name",
                                         "algorithm.name",
                                         "algorithm.target_stepsize",
                                         "algorithm.update.name",
                                         "algorithm.mapping.name",
                                         "algorithm.mapping.regularization",
                                         "algorithm.propagate.name" };
    static const char *const details[] = { "train.stop.", "stepsize_factor", ".trainable", ".bias" };
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++)
        if (strstr(key, details[i]))
            return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strncmp(key, names[i], strlen(names[i])))
            return true;
    return false;
}

static const char *value_of(const struct table *t, const char *key, size_t column)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->rows[i].key, key))
            return t->rows[i].values[column];
    return NULL;
}

static double number_of(const struct table *t, const char *key, size_t column)
{
    const char *s = value_of(t, key, column);
    double x;
    return s && text_to_double(s, strlen(s), &x) == 0 ? x : NAN;
}

static bool is_word(const char *s, const char *word)
{
    return s && !strcmp(s, word);
}

/* The stepsize with which back-propagation moves as far, to first order and if feedback is the transposed derivative
 * (Bao 2024: 2 c beta lr): methods are comparable where it is equal. With a loss of d = |t - h|^2 and t - h = -beta
 * times the gradient of a sample's own loss, or of the batch's mean loss, an update is a factor times the gradient of
 * the mean loss. NAN: the stepsize is swept, the optimizer does not keep that factor, layers differ in it, or it
 * depends on the sizes of layers. */
static double equivalent_stepsize(const struct table *t, size_t column)
{
    static const char *const factors[] = { "half_sum", "half_mean", "mean", "per_stepsize", "mean_per_stepsize" };
    const char *reduction = value_of(t, "algorithm.update.reduction", column);
    const double stepsize = number_of(t, "train.optimizer.stepsize", column);
    const double beta = number_of(t, "algorithm.target_stepsize", column);
    const double batch = number_of(t, "train.batch_size", column);
    if (!is_word(value_of(t, "train.optimizer.name", column), "sgd") || !reduction ||
        number_of(t, "algorithm.head", column) != 0 || is_word(value_of(t, "algorithm.divide_stepsize", column), "1"))
        return NAN;
    const bool per_sample = is_word(value_of(t, "algorithm.target.gradient", column), "per_sample");
    const double of_batch[] = { beta, beta / batch, 2 * beta / batch, 1, 1 / batch };
    for (size_t i = 0; i < sizeof of_batch / sizeof *of_batch; i++)
        if (!strcmp(factors[i], reduction))
            return stepsize * of_batch[i] * (per_sample ? batch : 1);
    return NAN;
}

static void put_equivalent(const struct section *s, const struct table *t)
{
    size_t known = 0;
    for (size_t i = 0; i < t->n_columns; i++)
        known += isfinite(equivalent_stepsize(t, i));
    if (known == 0)
        return;
    text_puts(s->out, "| stepsize of BP for updates of this size (2 c beta lr)");
    for (size_t i = 0; i < t->n_columns; i++) {
        const double x = equivalent_stepsize(t, i);
        text_puts(s->out, " | ");
        if (isfinite(x))
            text_add(s->out, "%.6g", x);
        else
            text_puts(s->out, "–");
    }
    text_puts(s->out, " |\n");
}

static void put_differences(const struct section *s, const struct table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += differs(t, &t->rows[i]);
    if (n == 0)
        return;
    text_puts(s->out, "What the variants differ in:\n\n| setting ");
    for (size_t j = 0; j < t->n_columns; j++) {
        text_puts(s->out, "| ");
        clean_code(s->out, s->subject->variants[j]);
        text_putc(s->out, ' ');
    }
    text_puts(s->out, "|\n| --- |");
    for (size_t j = 0; j < t->n_columns; j++)
        text_puts(s->out, " --- |");
    text_putc(s->out, '\n');
    for (size_t i = 0; i < t->n; i++) {
        if (!differs(t, &t->rows[i]))
            continue;
        text_puts(s->out, "| ");
        clean_code(s->out, t->rows[i].key);
        for (size_t j = 0; j < t->n_columns; j++) {
            text_puts(s->out, " | ");
            clean_markdown(s->out, t->rows[i].values[j] ? t->rows[i].values[j] : "–");
        }
        text_puts(s->out, " |\n");
    }
    put_equivalent(s, t);
    text_putc(s->out, '\n');
}

static void put_common(const struct section *s, const struct table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->rows[i];
        if (differs(t, r) || !is_important(r->key) || !r->values[0])
            continue;
        text_puts(s->out, n++ ? ", " : s->subject->n_variants > 1 ? "What they share: " : "Settings: ");
        clean_code(s->out, r->key);
        text_putc(s->out, ' ');
        clean_markdown(s->out, r->values[0]);
    }
    text_puts(s->out, n ? ".\n\n" : "");
}

static int put_swept(void *self, int n, const char *const *values)
{
    const struct section *s = self;
    if (n < 4 || !values[0] || !values[1])
        return 0;
    text_puts(s->out, "- swept: ");
    clean_code(s->out, values[0]);
    text_puts(s->out, ", ");
    clean_markdown(s->out, values[1]);
    text_puts(s->out, " values");
    if (values[2] && values[3]) {
        text_puts(s->out, " from ");
        section_number(s->out, values[2]);
        text_puts(s->out, " to ");
        section_number(s->out, values[3]);
    }
    text_putc(s->out, '\n');
    return 0;
}

/* Nothing is trained there, whatever the defaults of training say. */
static void forget_feedback(struct table *t)
{
    static const char prefix[] = "algorithm.feedback.";
    for (size_t j = 0; j < t->n_columns; j++)
        for (size_t i = 0; i < t->n && is_word(value_of(t, "algorithm.feedback_loss.name", j), "none"); i++)
            if (!strncmp(t->rows[i].key, prefix, sizeof prefix - 1))
                t->rows[i].values[j] = NULL;
}

int section_settings(const struct section *s, struct err *e)
{
    const struct subject *u = s->subject;
    struct section copy = *s;
    struct table t = { .a = s->a, .n_columns = u->n_variants < MAX_COLUMNS ? u->n_variants : MAX_COLUMNS };
    for (t.column = 0; t.column < t.n_columns; t.column++)
        for (size_t i = 0; i < u->n_trials; i++)
            if (!strcmp(u->groups[u->trials[i].group].variant, u->variants[t.column])) {
                TRY(query_rows(s->q, sql_settings, &u->trials[i].id, 1, add_setting, &t, e));
                break;
            }
    forget_feedback(&t);
    const size_t before = s->out->n;
    TRY(query_rows(s->q, sql_swept, &u->name, 1, put_swept, &copy, e));
    text_puts(s->out, s->out->n > before ? "\n" : "");
    put_differences(s, &t);
    if (u->n_variants > t.n_columns)
        text_add(s->out, "The first %zu of %zu variants are shown.\n\n", t.n_columns, u->n_variants);
    put_common(s, &t);
    return 0;
}
