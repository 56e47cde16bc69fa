/* Files that belong together: opened, counted, and held against each other. */
#include "data/files_set.h"

#include "base/text.h"
#include "data/columns.h"
#include <math.h>
#include <string.h>

enum { MAX_FEATURES = 10000000, MAX_OUTPUTS = 1000000 };

/* ---- opening ---- */

static const char *path_of(const struct files_opts *o, const char *name, struct arena *a)
{
    return name[0] == '/' || !o->path ? name : arena_printf(a, "%s/%s", o->path, name);
}

static int fault(struct files_set *set, const char *key)
{
    set->fault = key;
    return 0;
}

/* A column of labels that is asked for by number has the name of the training set's. */
static int check_label(struct files_set *set, const struct files_part *p, const char *asked, struct arena *a,
                       struct err *e)
{
    const char *own = p->x.label, *first = set->part[FILES_TRAIN].x.label;
    if (!own || !first || strcmp(own, asked) == 0 || strcmp(own, first) == 0)
        return 0;
    fault(set, arena_printf(a, "%s.label", p->key));
    return err_set(e, ERR_FORMAT,
                   "%s: column %s, of labels, is '%s', and that of the training set's %s '%s': give them one name, or "
                   "say label: %s",
                   p->x.path, asked, own, set->part[FILES_TRAIN].x.path, first, own);
}

static int open_part(struct files_set *set, struct files_part *p, const struct files_names *names,
                     const struct files_opts *o, struct arena *a, struct err *e)
{
    const bool first = p == &set->part[FILES_TRAIN];
    const struct reading inputs = { .path = path_of(o, names->x, a),
                                    .role = READ_NUMBERS,
                                    .label = names->label,
                                    .classes = o->labels == FILES_CLASSES,
                                    .known = first ? NULL : &set->words,
                                    .header = o->csv.header,
                                    .delimiter = o->csv.delimiter };
    fault(set, arena_printf(a, "%s.x", p->key));
    TRY(reader_open(&inputs, &p->x, a, e));
    p->inputs = p->x.numbers;
    p->labels = p->x.labels;
    if (first)
        set->words = p->x.words;
    if (names->label && p->labels.rank == 0) {
        fault(set, arena_printf(a, "%s.label", p->key));
        return err_set(e, ERR_USAGE, "%s has no columns with names: give y, a file of labels", inputs.path);
    }
    TRY(check_label(set, p, names->label, a, e));
    if (!names->y)
        return 0;
    struct reading labels = inputs;
    labels.path = path_of(o, names->y, a);
    labels.role = READ_LABELS;
    labels.label = NULL;
    fault(set, arena_printf(a, "%s.y", p->key));
    TRY(reader_open(&labels, &p->y, a, e));
    p->labels = p->y.labels;
    if (first)
        set->words = p->y.words;
    return 0;
}

static int check_names(struct files_set *set, const struct files_part *p, const struct files_names *names,
                       struct arena *a, struct err *e)
{
    fault(set, p->key);
    if (!names->x)
        return err_set(e, ERR_USAGE, "give x, a file of inputs, and y, a file of labels");
    if (names->y && names->label) {
        fault(set, arena_printf(a, "%s.label", p->key));
        return err_set(e, ERR_USAGE, "y gives the labels already; label is for a column of x");
    }
    if (!names->y && !names->label)
        return err_set(e, ERR_USAGE, "no labels: give y, a file, or label, the column of x that holds them");
    return 0;
}

/* ---- shapes ---- */

static size_t product(const struct array *a, size_t from)
{
    size_t n = 1;
    for (size_t i = from; i < a->rank; i++)
        n *= a->dim[i];
    return n;
}

/* What one sample is. */
static int set_layout(struct files_set *set, const struct files_opts *o, struct err *e)
{
    const struct array *x = &set->part[FILES_TRAIN].inputs;
    struct data_shape *s = &set->shape;
    const size_t n = array_per_row(x);
    char text[100];
    int layout = o->layout;
    fault(set, "dataset.layout");
    array_shape_text(x, text);
    if (layout == LAYOUT_AUTO && x->rank == 3)
        return err_set(e, ERR_USAGE,
                       "%s holds %s numbers: say whether a sample is a sequence of steps (layout: sequence), an image "
                       "of one channel (image) or %zu numbers (flat)",
                       x->path, text, n);
    if (layout == LAYOUT_AUTO)
        layout = x->rank == 4 ? LAYOUT_IMAGE : LAYOUT_FLAT;
    if (layout == LAYOUT_IMAGE && x->rank < 3)
        return err_set(e, ERR_USAGE, "an image is channels x height x width, or height x width; %s holds %s numbers",
                       x->path, text);
    if (layout == LAYOUT_SEQUENCE && (x->rank < 2 || x->rank > 3))
        return err_set(e, ERR_USAGE, "a sequence is steps x features, or steps; %s holds %s numbers", x->path, text);
    if (n > MAX_FEATURES)
        return err_set(e, ERR_USAGE, "%s has %zu numbers a sample; at most %d", x->path, n, MAX_FEATURES);
    s->sequence = layout == LAYOUT_SEQUENCE;
    s->length = s->sequence ? x->dim[1] : 1;
    s->features = n / s->length;
    if (layout == LAYOUT_IMAGE)
        s->image = (struct shape){ n, x->rank == 4 ? x->dim[1] : 1, x->dim[x->rank - 2], x->dim[x->rank - 1] };
    return 0;
}

/* Labels of a part against its inputs and those of the training set. */
static int check_part(struct files_set *set, const struct files_part *p, const struct files_opts *o, struct arena *a,
                      struct err *e)
{
    const struct array *x = &p->inputs, *y = &p->labels, *first = &set->part[FILES_TRAIN].inputs;
    char own[100], other[100];
    fault(set, p->key);
    if (x->dim[0] != y->dim[0])
        return err_set(e, ERR_FORMAT, "%zu samples in %s, but %zu labels in %s", x->dim[0], x->path, y->dim[0],
                       y->path);
    if (x->rank != first->rank || product(x, 1) != product(first, 1) ||
        memcmp(x->dim + 1, first->dim + 1, (x->rank - 1) * sizeof *x->dim) != 0) {
        fault(set, arena_printf(a, "%s.x", p->key));
        return err_set(e, ERR_FORMAT, "%s holds %s numbers, the training set %s: samples of another shape", x->path,
                       array_shape_text(x, own), array_shape_text(first, other));
    }
    fault(set, arena_printf(a, "%s.x", p->key));
    if (o->scaling == FILES_UNIT && (x->type == NUMBER_U1) != (first->type == NUMBER_U1))
        return err_set(e, ERR_USAGE,
                       "%s holds numbers of %s, the training set %s: scaling: unit divides bytes by 255, and others by "
                       "their range; save both as bytes (uint8), or neither",
                       x->path, number_name(x->type), number_name(first->type));
    TRY(columns_match(x, first, e));
    return x->dim[0] <= UINT32_MAX ? 0 : err_set(e, ERR_FORMAT, "%s: more than 2^32 samples", x->path);
}

/* The smallest and the largest label. */
struct span {
    double least, most;
};

/* Labels of a part are classes; *span grows by them. */
static int check_classes(const struct array *y, double limit, struct span *span, struct err *e)
{
    enum { PIECE = 4096 };
    double piece[PIECE];
    const size_t all = y->dim[0] * array_per_row(y);
    for (size_t at = 0; at < all; at += PIECE) {
        const size_t n = all - at < PIECE ? all - at : PIECE;
        array_read(y, at, n, piece);
        for (size_t i = 0; i < n; i++) {
            if (!(piece[i] >= 0 && piece[i] < limit && piece[i] == floor(piece[i])))
                return err_set(e, ERR_FORMAT,
                               "%s: row %zu (counted from 0): label %g; classes are whole numbers from 0 to %.0f%s",
                               y->path, (at + i) / array_per_row(y), piece[i], limit - 1,
                               limit == MAX_OUTPUTS ? "; for numbers as targets say labels: real" : "");
            span->least = piece[i] < span->least ? piece[i] : span->least;
            span->most = piece[i] > span->most ? piece[i] : span->most;
        }
    }
    return 0;
}

/* How many classes the labels of the training set tell of. A first class without a sample is a slip, unless the file
 * says how many there are. */
static int count_classes(const struct files_set *set, const struct span *span, double *n, struct err *e)
{
    const struct array *y = &set->part[FILES_TRAIN].labels;
    *n = span->most + 1 > (double)set->words.n ? span->most + 1 : (double)set->words.n;
    if (span->least == 0)
        return 0;
    return err_set(e, ERR_FORMAT,
                   "no sample of class 0: labels are counted from 0, and those of %s are %.0f to %.0f; take %.0f from "
                   "each, or say classes: %.0f if class 0 is to have none",
                   y->path, span->least, span->most, span->least, *n);
}

static int set_outputs(struct files_set *set, const struct files_opts *o, struct arena *a, struct err *e)
{
    struct data_shape *s = &set->shape;
    const struct array *y = &set->part[FILES_TRAIN].labels;
    struct span span = { .least = (double)MAX_OUTPUTS };
    double limit = o->classes ? (double)o->classes : (double)MAX_OUTPUTS;
    s->classes = o->labels == FILES_CLASSES;
    s->per_step = s->classes && s->sequence && y->rank == 2 && y->dim[1] == s->length && s->length > 1;
    for (size_t i = 0; i < N_FILES; i++) {
        const struct files_part *p = &set->part[i];
        if (p->inputs.rank == 0)
            continue;
        fault(set, arena_printf(a, "%s.%s", p->key, p->y.path ? "y" : "label"));
        const size_t per_row = array_per_row(&p->labels);
        if (p->labels.rank > 2 || (s->classes && per_row != (s->per_step ? s->length : 1)))
            return err_set(e, ERR_FORMAT, "%s: %zu numbers a label; %s", p->labels.path, per_row,
                           s->classes ? "a class is one number (of one-hot labels take the argmax)"
                                      : "targets of a sample are one row of numbers");
        if (per_row != array_per_row(y) || per_row > MAX_OUTPUTS)
            return err_set(e, ERR_FORMAT, "%s: %zu numbers a label; the training set has %zu, and %d are the most",
                           p->labels.path, per_row, array_per_row(y), MAX_OUTPUTS);
        TRY(columns_match(&p->labels, y, e));
        if (s->classes)
            TRY(check_classes(&p->labels, limit, &span, e));
        else
            TRY(array_check_finite(&p->labels, e));
        if (i == FILES_TRAIN && s->classes && !o->classes) /* the training set tells how many there are */
            TRY(count_classes(set, &span, &limit, e));
    }
    s->outputs = s->classes ? (size_t)limit : array_per_row(y);
    fault(set, "dataset.classes");
    return s->classes && s->outputs < 2 ? err_set(e, ERR_FORMAT, "all labels of %s are 0: one class", y->path) : 0;
}

/* ---- sizes ---- */

static size_t or_all(int64_t n, size_t all)
{
    return n == 0 ? all : (size_t)n;
}

static int set_sizes(struct files_set *set, const struct files_opts *o, struct err *e)
{
    const struct files_part *valid = &set->part[FILES_VALID];
    const size_t all = set->part[FILES_TRAIN].inputs.dim[0], test = set->part[FILES_TEST].inputs.dim[0],
                 held_out = (size_t)o->validation_size;
    struct data_shape *s = &set->shape;
    fault(set, "dataset.validation_size");
    if (valid->inputs.rank > 0 && held_out > 0)
        return err_set(e, ERR_USAGE, "valid gives the samples of validation already");
    if (held_out >= all)
        return err_set(e, ERR_USAGE, "%zu of %zu samples leaves nothing to train on", held_out, all);
    s->train_size = or_all(o->subset.count, all - held_out);
    fault(set, "dataset.subset.count");
    if (s->train_size > all - held_out)
        return err_set(e, ERR_USAGE, "%zu, but there are %zu samples (%zu are held out)", s->train_size, all - held_out,
                       held_out);
    s->test_size = or_all(o->test_size, test);
    fault(set, "dataset.test_size");
    if (s->test_size > test)
        return err_set(e, ERR_USAGE, "%zu of %zu samples", s->test_size, test);
    s->valid_size = valid->inputs.rank > 0 ? valid->inputs.dim[0] : held_out;
    s->eval_size = or_all(o->eval_size, s->train_size);
    s->eval_size = s->eval_size < s->train_size ? s->eval_size : s->train_size;
    return 0;
}

/* ---- parts of the same bytes ---- */

static bool same_bytes(const struct data_file *a, const struct data_file *b)
{
    return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* Samples of one part are those of no other. Equal rows are not looked for. */
static int check_apart(struct files_set *set, const struct files_part *p, struct arena *a, struct err *e)
{
    static const char *const why[N_FILES][N_FILES] = {
        [FILES_TRAIN] = { [FILES_VALID] = "validation would be of what is trained on; validation_size holds samples "
                                          "of the training set out",
                          [FILES_TEST] =
                              "the test set would be what is trained on; how well that is fitted, train_loss "
                              "and train_accuracy tell" },
        [FILES_VALID] = { [FILES_TEST] = "what validation chooses would be chosen by the test set; leave valid out, or "
                                         "give it samples of its own (validation_size holds some of the training set "
                                         "out)" }
    };
    fault(set, arena_printf(a, "%s.x", p->key));
    for (const struct files_part *q = set->part; q < p; q++)
        if (q->inputs.rank > 0 && same_bytes(&q->x, &p->x))
            return err_set(e, ERR_USAGE, "%s has the same bytes as %s.x, %s: %s", p->x.path, q->key, q->x.path,
                           why[q - set->part][p - set->part]);
    return 0;
}

static int open_all(struct files_set *set, const struct files_opts *o, struct arena *a, struct err *e)
{
    static const char *const keys[] = { "dataset.train", "dataset.valid", "dataset.test" };
    const struct files_names *names[] = { &o->train, &o->valid, &o->test };
    for (size_t i = 0; i < N_FILES; i++) {
        struct files_part *p = &set->part[i];
        p->key = keys[i];
        if (i == FILES_VALID && !names[i]->x && !names[i]->y && !names[i]->label)
            continue;
        TRY(check_names(set, p, names[i], a, e));
        TRY(open_part(set, p, names[i], o, a, e));
        TRY(check_part(set, p, o, a, e));
        TRY(check_apart(set, p, a, e));
    }
    TRY(set_layout(set, o, e));
    TRY(set_outputs(set, o, a, e));
    return set_sizes(set, o, e);
}

int files_set_open(struct files_set *set, const struct files_opts *o, struct arena *a, struct err *e)
{
    *set = (struct files_set){ 0 };
    const int code = open_all(set, o, a, e);
    if (code < 0)
        files_set_close(set);
    return code;
}

void files_set_close(struct files_set *set)
{
    for (size_t i = 0; i < N_FILES; i++) {
        reader_close(&set->part[i].x);
        reader_close(&set->part[i].y);
    }
}

int files_set_check(const struct files_set *set, struct err *e)
{
    for (size_t i = 0; i < N_FILES; i++)
        if (set->part[i].inputs.rank > 0)
            TRY(array_check_finite(&set->part[i].inputs, e));
    return 0;
}

int files_set_doubt(const struct files_set *set, const uint32_t *places, struct arena *a, struct err *e)
{
    const struct data_shape *s = &set->shape;
    const struct array *y = &set->part[FILES_TRAIN].labels;
    const size_t per_row = array_per_row(y);
    double label;
    if (!s->classes)
        return 0;
    bool *seen = arena_alloc(a, s->outputs, sizeof *seen);
    if (!seen)
        return err_set(e, ERR_MEMORY, "dataset: no memory for %zu classes", s->outputs);
    for (size_t i = 0; i < s->train_size * per_row; i++) {
        const size_t row = places ? places[i / per_row] : i / per_row;
        array_read(y, row * per_row + i % per_row, 1, &label);
        seen[(size_t)label] = true;
    }
    dataset_doubt(y->path, seen, s->outputs, s->train_size < y->dim[0] ? s->train_size : 0, e);
    return 0;
}
