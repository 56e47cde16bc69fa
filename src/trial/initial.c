/* Initial weights from a file (network.init.from): the parameters of some layers are read by name from a safetensors
 * file, such as `tprun export weights` writes, and take the place of those that were drawn. The other layers keep
 * theirs, so that a draw does not depend on the file. */
#include "trial/private.h"

#include "base/hash.h"
#include "base/safetensors.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 32)

static bool is_wanted(const struct config_from *from, size_t layer)
{
    for (size_t i = 0; i < from->layers.n; i++)
        if (from->layers.items[i] == (double)layer)
            return true;
    return from->layers.items == NULL;
}

/* Looks for one parameter, of numbers up to `most`; the values go to `weights` unless that is NULL. */
static int take(const struct safetensors *f, const char *path, const char *prefix, const struct unit *l, size_t j,
                double most, real *weights, struct err *e)
{
    char name[96], found[128], expected[128];
    const struct param *p = &l->params[j];
    struct tensor want = { .rank = p->rank };
    memcpy(want.shape, p->shape, p->rank * sizeof *p->shape);
    unit_param_name(l, j, prefix, name, sizeof name);
    const struct tensor *t = safetensors_find(f, name);
    tensor_shape_text(&want, expected, sizeof expected);
    if (!t)
        return err_set(e, ERR_FORMAT, "network.init.from.file: %s: no tensor '%s'; expected shape %s", path, name,
                       expected);
    bool same = t->rank == want.rank;
    for (size_t i = 0; same && i < t->rank; i++)
        same = t->shape[i] == want.shape[i];
    if (!same)
        return err_set(e, ERR_FORMAT, "network.init.from.file: %s: tensor '%s' has shape %s, expected %s", path, name,
                       tensor_shape_text(t, found, sizeof found), expected);
    if (t->dtype == DTYPE_I64)
        return err_set(e, ERR_FORMAT, "network.init.from.file: %s: tensor '%s' holds integers, expected F32 or F64",
                       path, name);
    for (size_t i = 0; i < t->n; i++) {
        const double value = tensor_get(t, i);
        if (!(fabs(value) <= most))
            return err_set(e, ERR_FORMAT,
                           "network.init.from.file: %s: tensor '%s': number %zu (counted from 0) is %g: missing, or "
                           "beyond the numbers of this precision, which end at %.2g",
                           path, name, i, value, most);
        if (weights)
            weights[p->offset + i] = (real)value;
    }
    return 0;
}

static int open_file(struct safetensors *f, const char *path, struct err *e)
{
    struct err why = { 0 };
    int code = safetensors_open(f, path, MAX_FILE_BYTES, &why);
    if (code < 0)
        code = err_set(e, code, "network.init.from.file: %s", err_first(&why));
    err_clear(&why);
    return code;
}

/* Every tensor that is missing or does not fit, or has a number that is not finite, is told. weights, feedback_weights:
 * NULL to look only. */
static int take_all(const struct config *c, const struct chain *chain, struct credit *credit, real *weights,
                    real *feedback_weights, struct err *e)
{
    const struct config_from *from = &c->network.init.from;
    const double most = c->precision == PRECISION_SINGLE ? (double)FLT_MAX : DBL_MAX;
    struct safetensors f = { 0 };
    const size_t n_feedback = from->feedback ? credit_n_feedback_units(credit) : 0;
    int code = 0;
    TRY(open_file(&f, from->file, e));
    for (size_t i = 0; i < chain->n_units; i++)
        for (size_t j = 0; is_wanted(from, i) && j < chain->units[i].n_params; j++)
            if (take(&f, from->file, "layers", &chain->units[i], j, most, weights, e) < 0)
                code = ERR_FORMAT;
    for (size_t i = 0; i < n_feedback; i++)
        for (size_t j = 0; j < credit_feedback_unit(credit, i)->n_params; j++)
            if (take(&f, from->file, "feedback", credit_feedback_unit(credit, i), j, most, feedback_weights, e) < 0)
                code = ERR_FORMAT;
    safetensors_close(&f);
    return code;
}

int trial_check_initial(const struct config *c, struct arena *a, struct err *e)
{
    const struct data_shape data = c->data;
    struct chain chain;
    struct credit credit = { 0 };
    const struct credit_choice choice = config_credit(&c->algorithm);
    if (!c->network.init.from.file)
        return 0;
    TRY(chain_shape_form(&chain, &c->network.layers, c->network.form, &data, NULL, a, e));
    TRY(credit_shape(&credit, &choice, &chain, a, e));
    return take_all(c, &chain, &credit, NULL, NULL, e);
}

int initial_read(struct trial *t, struct err *e)
{
    const struct config_from *from = &t->config->network.init.from;
    if (!from->file)
        return 0;
    TRY(take_all(t->config, &t->chain, &t->credit, t->chain.weights, t->credit.feedback_weights, e));
    TRY(hash_file_hex(from->file, t->initial_sha256, e));
    if (!from->feedback && mapping_of(&t->credit)->start)
        mapping_of(&t->credit)->start(&t->credit);
    chain_refresh(&t->chain);
    return 0;
}

int initial_tell(const struct trial *t, struct sink *sink, struct err *e)
{
    const struct config_from *from = &t->config->network.init.from;
    struct text remark = { 0 };
    if (!from->file)
        return 0;
    text_add(&remark, "%s, SHA-256 %s, layers", from->file, t->initial_sha256);
    for (size_t i = 0; i < t->chain.n_units; i++)
        if (is_wanted(from, i))
            text_add(&remark, " %zu", i);
    text_puts(&remark, from->feedback ? ", feedback weights" : "");
    const int code = sink->event(sink, t->step, "initial_weights", remark.s, e);
    text_free(&remark);
    return code;
}
