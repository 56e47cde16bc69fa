/* How many metric rows a second the store takes in, as a sweep writes them: two trials at a time, ten metrics each,
 * grouped commits with synchronous = FULL and a write-ahead log that is emptied as it goes. Prints one line: name,
 * median of the rounds, limit, unit. */
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5, TRIALS = 2, NAMES = 10, STEPS = 50000, ROWS = TRIALS * NAMES * STEPS };

static const char *const names[NAMES] = { "train_loss",    "test_loss",          "train_accuracy", "test_accuracy",
                                          "learning_rate", "gradient_norm",      "weight_norm",    "target_distance",
                                          "bp_angle",      "reconstruction_loss" };

static int write_round(struct store *s, int64_t study, int round, double *seconds, struct err *e)
{
    int64_t id[TRIALS], config;
    TRY(store_put_config(s, &(struct store_config){ "00", "{}", 0, NULL }, &config, e));
    for (int i = 0; i < TRIALS; i++) {
        char key[65];
        struct store_trial_row row;
        snprintf(key, sizeof key, "%064d", round * TRIALS + i);
        const struct store_trial trial = { .key = key,
                                           .study = study,
                                           .variant = i ? "bp" : "tp",
                                           .cell = "",
                                           .seed = round,
                                           .config = config,
                                           .budget = STEPS };
        TRY(store_put_trial(s, &trial, &row, e));
        id[i] = row.id;
    }
    TRY(store_flush(s, e));
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    double value = 2.385;
    for (int64_t step = 0; step < STEPS; step++)
        for (int i = 0; i < TRIALS; i++)
            for (int k = 0; k < NAMES; k++) {
                value = value * 1.000001 + 1e-7;
                TRY(store_metric(s, id[i], 0, names[k], step, value, e));
            }
    TRY(store_flush(s, e));
    clock_gettime(CLOCK_MONOTONIC, &b);
    *seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int run(const char *path, double *median, struct err *e)
{
    struct store *s;
    int64_t study;
    double rates[ROUNDS];
    TRY(store_open(&s, path, e));
    const struct store_study description = { .name = "bench", .spec = "{}" };
    int code = store_put_study(s, &description, &study, e);
    for (int i = 0; i < ROUNDS && code == 0; i++) {
        double seconds = 0;
        code = write_round(s, study, i, &seconds, e);
        rates[i] = ROWS / seconds;
    }
    const int closed = store_close(s, e);
    TRY(code);
    TRY(closed);
    qsort(rates, ROUNDS, sizeof rates[0], by_value);
    *median = rates[ROUNDS / 2];
    return 0;
}

int main(int argc, char **argv)
{
    char folder[] = "tprun-bench-XXXXXX", path[64]; /* on the disk of the current folder, not on a RAM disk */
    if (argc > 2 || !mkdtemp(folder))
        return EXIT_FAILURE;
    snprintf(path, sizeof path, "%s/results.db", folder);
    struct err e = { 0 };
    double median = 0;
    const int code = run(argc == 2 ? argv[1] : path, &median, &e);
    static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    rmdir(folder);
    if (code < 0) {
        err_print(&e, stderr, false);
        err_clear(&e);
        return EXIT_FAILURE;
    }
    printf("store_metric_rows %.0f rows/s\n", median);
    return EXIT_SUCCESS;
}
