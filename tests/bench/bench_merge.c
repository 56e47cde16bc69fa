/* How long it takes to merge 1,000,000 metric rows: into an empty database, and once more, when every row is compared.
 * Prints two lines: name, seconds, limit, unit. */
#include "store/copy.h"
#include "store/merge.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIALS = 100, NAMES = 10, STEPS = 1000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fill(struct store *s, struct err *e)
{
    int64_t study, config;
    double value = 2.385;
    TRY(store_put_study(s, &(struct store_study){ .name = "bench", .spec = "{}" }, &study, e));
    TRY(store_put_config(s, &(struct store_config){ "00", "{}", 0, NULL }, &config, e));
    for (int i = 0; i < TRIALS; i++) {
        char key[65], name[16];
        struct store_trial_row row;
        snprintf(key, sizeof key, "%064d", i);
        const struct store_trial trial = { .key = key,
                                           .study = study,
                                           .position = i,
                                           .variant = "tp",
                                           .cell = "",
                                           .seed = i,
                                           .config = config,
                                           .budget = STEPS };
        TRY(store_put_trial(s, &trial, &row, e));
        for (int64_t step = 0; step < STEPS; step++)
            for (int k = 0; k < NAMES; k++) {
                value = value * 1.000001 + 1e-7;
                snprintf(name, sizeof name, "metric_%d", k);
                TRY(store_metric(s, row.id, 0, name, step, value, e));
            }
    }
    return 0;
}

static int bring(void *self, const char *name, const char *sha256)
{
    (void)self, (void)name, (void)sha256;
    return 0;
}

/* folder: with room for three databases. */
static int run(const char *folder, double seconds[2], struct err *e)
{
    char from[256], copy[256], to[256];
    struct store *s;
    snprintf(from, sizeof from, "%s/from.db", folder);
    snprintf(copy, sizeof copy, "%s/copy.db", folder);
    snprintf(to, sizeof to, "%s/to.db", folder);
    TRY(store_open(&s, from, e));
    int code = fill(s, e);
    if (code == 0)
        code = store_copy(s, copy, e);
    TRY(store_close(s, e));
    TRY(code);
    TRY(store_open(&s, to, e));
    const struct merge_source source = { .copy = copy, .name = "from.db", .bring = bring };
    for (int i = 0; i < 2 && code == 0; i++) {
        struct merge_counts counts = { 0 };
        const double start = now();
        code = store_merge(s, &source, &counts, e);
        seconds[i] = now() - start;
        if (code == 0 && counts.rows != (i ? 0 : (int64_t)TRIALS * NAMES * STEPS))
            code = err_set(e, ERR_INTERNAL, "%lld rows were merged", (long long)counts.rows);
    }
    const int closed = store_close(s, e);
    return code < 0 ? code : closed;
}

int main(void)
{
    char folder[] = "/tmp/tprun-bench-XXXXXX", command[64];
    struct err e = { 0 };
    double seconds[2];
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    const int code = run(folder, seconds, &e);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (code < 0 || system(command) != 0) {
        err_print(&e, stderr, false);
        return EXIT_FAILURE;
    }
    printf("merge_1e6_rows %.4g s\nmerge_1e6_rows_again %.4g s\n", seconds[0], seconds[1]);
    return EXIT_SUCCESS;
}
