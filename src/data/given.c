/* given: shapes without samples, for `tprun probe`, whose batch comes from a file. */
#include "data/dataset.h"

enum { LABELS_CLASSES, LABELS_REAL };
static const char *const label_names[] = { "classes", "real", NULL };

struct given_options {
    int64_t length, features, outputs;
    int labels;
    bool per_step;
};

static const struct option given_table[] = { { "length", OPT_INT, offsetof(struct given_options, length), "0", 0, 1e7,
                                               .help = "steps of a sequence; 0 = flat samples" },
                                             { "features", OPT_INT, offsetof(struct given_options, features), NULL, 1,
                                               1e7, OPTION_REQUIRED, "inputs per sample or step" },
                                             { "outputs", OPT_INT, offsetof(struct given_options, outputs), NULL, 1,
                                               1e7, OPTION_REQUIRED, "classes or real targets" },
                                             { "labels", OPT_ENUM, offsetof(struct given_options, labels), "classes",
                                               .names = label_names, .help = "what batch.y holds" },
                                             { "per_step", OPT_BOOL, offsetof(struct given_options, per_step), "false",
                                               .help = "a label for every step of a sequence" },
                                             { 0 } };

static int given_shape(const void *opts, struct data_shape *shape, struct err *e)
{
    const struct given_options *o = opts;
    if (o->per_step && o->length == 0)
        return err_about(e, "dataset.per_step", "needs a sequence: give length");
    *shape = (struct data_shape){ .length = o->length ? (size_t)o->length : 1,
                                  .features = (size_t)o->features,
                                  .outputs = (size_t)o->outputs,
                                  .classes = o->labels == LABELS_CLASSES,
                                  .sequence = o->length > 0,
                                  .per_step = o->per_step,
                                  .eval_size = 1,
                                  .test_size = 1 };
    return 0;
}

static int given_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)
{
    (void)opts, (void)seed, (void)state, (void)a;
    return err_about(e, "dataset", "'given' has no samples: it describes the batch of `tprun probe`");
}

static void given_fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    (void)opts, (void)state, (void)split, (void)first, (void)b;
}

extern const struct dataset_def dataset_given;
const struct dataset_def dataset_given = {
    .part = { .name = "given",
              .help = "shapes without samples: the batch of `tprun probe`",
              .options = given_table,
              .opts_size = sizeof(struct given_options) },
    .shape = given_shape,
    .open = given_open,
    .fill = given_fill,
};
