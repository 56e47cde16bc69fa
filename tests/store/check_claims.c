/* Claims without SQL, and rows (value, seed): from stored trials to verdict and note. */
#include "fixture.h"

enum { SEEDS = 4 };

/* Trials of a variant with a value at step 0 (NAN: none) and one at the end of the budget. */
struct variant {
    const char *name;
    double first, last[SEEDS];
    enum trial_state states[SEEDS];
    double scatter; /* of the values at step 0, from seed to seed */
};

static void put_variant(struct fixture *f, const struct variant *v, int number)
{
    struct err e = { 0 };
    put_usual_facts(f->s);
    put_facts(f->s, "valid_loss", "min", "", false, "valid");
    put_facts(f->s, "angle_bp", "min", "°", false, "");
    for (int i = 0; i < SEEDS; i++) {
        const int64_t t = put_trial(f->s, f->study, SEEDS * number + i, v->name, "", i + 1, 0, NULL).id;
        const enum trial_state state = v->states[i] ? v->states[i] : TRIAL_DONE;
        const int64_t run = begin_run(f->s, t, 0);
        if (!isnan(v->first))
            OK(store_metric(f->s, t, run, "test_accuracy", 0, v->first + i * v->scatter, &e));
        OK(store_metric(f->s, t, run, "valid_loss", 500, 1 + i, &e));
        OK(store_metric(f->s, t, run, "test_accuracy", 500, v->last[i] + 5, &e));
        OK(store_metric(f->s, t, run, "valid_loss", 1000, 9, &e));
        OK(store_metric(f->s, t, run, "test_accuracy", 1000, v->last[i], &e));
        OK(store_layer_metric(f->s, t, run, "angle_bp", 500, 2, 90, &e));
        OK(store_layer_metric(f->s, t, run, "angle_bp", 1000, 2, v->last[i] / 10, &e));
        end_run(f->s, t, run, state, 1000);
    }
}

#define STEPS                                                                                                          \
    "\"profile\":null,\"steps\":{\"bp\":1000,\"tp\":1000,\"noisy\":1000,\"dead\":1000,\"chance\":1000,\"wild\":1000}}"
#define OF(variant, at) "{\"better\":[\"" variant "\"],\"metric\":\"test_accuracy\",\"at\":\"" at "\"," STEPS
#define PAIR(a, b) "{\"better\":[" a "],\"than\":[" b "],\"metric\":\"test_accuracy\",\"at\":\"last\"," STEPS

#define NOT_OURS "its quantity in the database is not the JSON that tprun writes: another program changed it"
#define ALONE "one number without seeds: no interval"
#define DIVERGED "1 of the study's 24 trials diverged, and it reads last or best values of any trial"
static const struct variant variants[] = {
    { .name = "bp", .first = 10, .last = { 90, 91, 92, 91 } }, /* mean 91, sd 0.8165, interval +- 1.2992 */
    { .name = "tp", .first = 10, .last = { 93, 95, 95, 95 } }, /* tp - bp: 3, 4, 3, 4 */
    { .name = "dead", .first = 10, .last = { 90, 91, 92, 91 }, .states = { 0, TRIAL_DIVERGED } },
    { .name = "noisy", .first = 10, .last = { 60, 61, 62, 61 }, .scatter = 20 }, /* 10, 30, 50, 70: 40 +- 41 */
    { .name = "chance", .first = 10, .last = { 10.1, 9.9, 10.1, 9.9 } },
    { .name = "wild", .first = 10, .last = { 0, 200, 0, 200 } },
};

static const struct {
    struct store_claim claim;
    const char *expected; /* verdict|n|note */
} cases[] = {
    { { .kind = "value", .quantity = OF("bp", "last"), .has_low = true, .low = 89, .has_high = true, .high = 93 },
      "reproduced|4|" },
    { { .kind = "value", .quantity = OF("bp", "last"), .has_low = true, .low = 90.5, .has_high = true, .high = 91.5 },
      "undecided|4|" },
    { { .kind = "value", .quantity = OF("bp", "last"), .has_low = true, .low = 93 }, "refuted|4|" },
    /* of ten runs with such a spread the difference is known to +- 4 only */
    { { .kind = "value",
        .quantity = OF("bp", "last"),
        .has_reported = true,
        .reported = 91,
        .reported_sd = 6,
        .reported_n = 10,
        .has_low = true,
        .low = 89,
        .has_high = true,
        .high = 93 },
      "undecided|4|" },
    { { .kind = "value", .quantity = OF("bp", "last"), .has_low = true, .low = 89, .min_seeds = 5 },
      "undecided|4|4 seeds, and it needs 5" },
    { { .kind = "value", .quantity = OF("bp", "best"), .has_low = true, .low = 94 },
      "reproduced|4|selected on the test set" },
    { { .kind = "value", .quantity = OF("bp", "selected"), .has_low = true, .low = 94 },
      "reproduced|4|" }, /* by valid_loss, at 500 */
    { { .kind = "value", .quantity = OF("dead", "last"), .has_low = true, .low = 80 },
      "undecided|3|1 of the 4 seeds of 'dead' diverged; mean of the 3 that are there: 91" },
    { { .kind = "value", .quantity = OF("chance", "last"), .has_high = true, .high = 25 },
      "undecided|4|an untrained network satisfies it: 10 before the first step" },
    { { .kind = "value", .quantity = OF("noisy", "last"), .has_high = true, .high = 75 },
      "undecided|4|an untrained network satisfies it: 40 before the first step" },
    { { .kind = "value", .quantity = OF("noisy", "last"), .has_low = true, .low = 50 }, "reproduced|4|" },
    { { .kind = "value", .quantity = OF("none", "last"), .has_high = true, .high = 25 },
      "undecided||'none' has logged no test_accuracy" },
    { { .kind = "value", .quantity = "{\"better\"", .has_high = true, .high = 25 }, "undecided||" NOT_OURS },
    { { .kind = "value", .quantity = "{\"better\":[\"bp\"]}", .has_high = true, .high = 25 }, "undecided||" NOT_OURS },
    { { .kind = "measure", .measure = "SELECT 1", .quantity = "no JSON", .has_high = true, .high = 25 },
      "undecided||" NOT_OURS },
    { { .kind = "value",
        .has_low = true,
        .low = 8,
        .has_high = true,
        .high = 10,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"angle_bp\",\"layer\":2,\"at\":\"last\"," STEPS },
      "reproduced|4|" },
    { { .kind = "value",
        .has_low = true,
        .low = 8,
        .has_high = true,
        .high = 10,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"test_accuracy\",\"as\":\"error\",\"at\":\"last\"," STEPS },
      "undecided|4|" },
    { { .kind = "value",
        .has_low = true,
        .low = 93,
        .has_high = true,
        .high = 94,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"test_accuracy\",\"at\":\"from\",\"step\":500," STEPS },
      "undecided|4|" },
    { { .kind = "compare", .quantity = PAIR("\"tp\"", "\"bp\""), .has_margin = true, .margin = 2 }, "reproduced|4|" },
    { { .kind = "compare", .quantity = PAIR("\"tp\"", "\"bp\""), .has_margin = true, .margin = 3 }, "undecided|4|" },
    { { .kind = "compare", .quantity = PAIR("\"bp\"", "\"tp\""), .has_margin = true }, "refuted|4|" },
    { { .kind = "compare", .quantity = PAIR("\"bp\"", "\"bp\""), .has_margin = true },
      "refuted|4|all 4 values are equal" },
    { { .kind = "compare",
        .quantity = PAIR("\"bp\"", "\"bp\""),
        .has_low = true,
        .low = -1,
        .has_high = true,
        .high = 1 },
      "reproduced|4|all 4 values are equal" },
    { { .kind = "compare",
        .quantity = PAIR("\"chance\"", "\"chance\""),
        .has_low = true,
        .low = -1,
        .has_high = true,
        .high = 1 },
      "undecided|4|'chance' is not shown to be better than before training; all 4 values are equal" },
    { { .kind = "value", .quantity = OF("bp", "last"), .has_high = true, .high = 25 },
      "refuted|4|an untrained network satisfies it: 10 before the first step" },
    { { .kind = "compare",
        .quantity = PAIR("\"bp\"", "\"chance\""),
        .has_low = true,
        .low = -1,
        .has_high = true,
        .high = 1 },
      "refuted|4|'chance' is not shown to be better than before training" },
    /* "not worse than by more than": the side that it is about must have learned */
    { { .kind = "compare", .quantity = PAIR("\"bp\"", "\"tp\""), .has_margin = true, .margin = -9 }, "reproduced|4|" },
    { { .kind = "compare", .quantity = PAIR("\"bp\"", "\"tp\""), .has_margin = true, .margin = -1 }, "refuted|4|" },
    { { .kind = "compare", .quantity = PAIR("\"bp\"", "\"chance\""), .has_margin = true, .margin = -1 },
      "reproduced|4|" },
    { { .kind = "compare", .quantity = PAIR("\"chance\"", "\"chance\""), .has_margin = true, .margin = -1 },
      "undecided|4|'chance' is not shown to be better than before training; all 4 values are equal" },
    { { .kind = "compare", .quantity = PAIR("\"tp\"", "\"bp\",\"chance\""), .has_margin = true, .margin = 1 },
      "reproduced|4|'tp' against 'bp', of 2 pairs the one whose interval lies least inside, each with an interval of "
      "97.5 %" },
    /* the pair that is shown is one that refutes, though another lies less inside */
    { { .kind = "compare", .quantity = PAIR("\"bp\"", "\"wild\",\"tp\""), .has_margin = true },
      "refuted|4|'bp' against 'tp', of 2 pairs the one whose interval lies farthest outside, each with an interval of "
      "97.5 %" },
    /* equals do not satisfy it: the other side need not have learned */
    { { .kind = "compare",
        .quantity = PAIR("\"tp\"", "\"chance\""),
        .has_low = true,
        .low = 80,
        .has_high = true,
        .high = 90 },
      "reproduced|4|" },
    { { .kind = "compare", .quantity = PAIR("\"tp\"", "\"dead\""), .has_margin = true },
      "undecided|3|1 of the 4 seeds of 'dead' diverged; mean difference of the 3 that are there: 3.33333" },
    { { .kind = "value",
        .has_low = true,
        .low = 20,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"test_accuracy\",\"at\":\"last\",\"profile\":\"paper\","
                    "\"steps\":{\"bp\":2000}}" },
      "undecided|4|run too short: 'bp' has 1000 steps, and 2000 with profile paper" },
    { { .kind = "value",
        .has_low = true,
        .low = 20,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"test_accuracy\",\"at\":\"last\",\"profile\":\"quick\","
                    "\"steps\":{\"bp\":500}}" },
      "undecided|4|run too long: 'bp' has 1000 steps, and 500 with profile quick" },
    { { .kind = "value",
        .has_low = true,
        .low = 1,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"test_accuracy\",\"at\":\"step\",\"step\":500,"
                    "\"profile\":\"quick\",\"steps\":{\"bp\":500}}" },
      "undecided|4|an untrained network satisfies it: 10 before the first step" },
    { { .kind = "value",
        .has_low = true,
        .low = 20,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"test_accuracy\",\"at\":\"step\",\"step\":500,"
                    "\"profile\":\"quick\",\"steps\":{\"bp\":500}}" },
      "reproduced|4|" },
    { { .kind = "value",
        .has_low = true,
        .quantity = "{\"better\":[\"bp\"],\"metric\":\"test_accuracy\",\"at\":\"last\",\"profile\":\"quick\","
                    "\"apart\":true,\"steps\":{\"bp\":1000}}" },
      "undecided||it is about other trials (profile quick) than those that were run (profile none); an untrained "
      "network satisfies it: 10 before the first step" },
    { { .measure = "SELECT value, seed FROM metrics WHERE variant = 'bp' AND metric = 'test_accuracy' AND step = 1000",
        .has_low = true,
        .low = 89 },
      "reproduced|4|" },
    { { .measure = "SELECT last_test_accuracy, seed FROM trials WHERE variant = 'dead'", .has_low = true, .low = 80 },
      "reproduced|4|" DIVERGED },
    { { .measure = "SELECT last_test_accuracy, seed FROM trials WHERE variant = 'dead' AND state = 'done'",
        .has_low = true,
        .low = 80 },
      "undecided|3|1 of the 4 seeds has no value: 2; mean of the 3 that are there: 91" },
    { { .measure = "SELECT value, seed FROM metrics WHERE variant = 'bp' AND metric = 'test_accuracy' AND step = 1000 "
                   "AND seed < 3",
        .has_low = true,
        .low = 89 },
      "undecided|2|2 of the 4 seeds have no value: 3, 4; mean of the 2 that are there: 90.5" },
    { { .measure = "SELECT value, step FROM metrics WHERE variant = 'bp' AND metric = 'test_accuracy'",
        .has_low = true },
      "undecided||the measure gives seed 0 twice" },
    { { .measure = "SELECT 1.0, 'one'", .has_low = true },
      "undecided||the second column of a measure is the seed, an integer" },
    { { .measure = "SELECT 0.1 + 0.2", .has_low = true, .low = 0.3, .has_high = true, .high = 0.3 },
      "refuted||it misses by rounding only: give a tolerance; " ALONE },
    { { .measure = "SELECT LAST_MEAN_FINISHED FROM finals WHERE variant = 'dead' AND metric = 'test_accuracy'",
        .has_low = true,
        .low = 80 },
      "reproduced||" ALONE "; it reads means over the finished seeds only" },
    { { .measure = "SELECT count(*) FROM trials", .has_low = true, .low = 24, .has_high = true, .high = 24 },
      "reproduced||" ALONE },
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

START_TEST(from_trials_to_verdicts)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    struct store_claim claims[N_CASES];
    char ids[N_CASES][16];
    for (int i = 0; i < (int)(sizeof variants / sizeof variants[0]); i++)
        put_variant(&f, &variants[i], i);
    for (int i = 0; i < N_CASES; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        claims[i] = cases[i].claim;
        claims[i].id = ids[i];
    }
    OK(store_put_claims(f.s, f.study, N_CASES, claims, &e));
    OK(store_refresh(f.s, f.study, &e));
    for (int i = 0; i < N_CASES; i++) {
        char sql[160];
        snprintf(sql, sizeof sql,
                 "SELECT verdict || '|' || coalesce(n, '') || '|' || coalesce(note, '') FROM claims WHERE id = '%d'",
                 i);
        check_text(f.path, sql, cases[i].expected);
    }
    check_text(
        f.path,
        "SELECT count(*) || ' ' || count(measured) || ' ' || count(interval_low) FROM claims WHERE note LIKE 'it "
        "is about other trials%'",
        "1 0 0");
    check_text(f.path,
               "SELECT measured || ' ' || round(sd, 4) || ' ' || round(interval_low, 4) || ' ' || round(interval_high, "
               "4) FROM claims WHERE id = '0'",
               "91.0 0.8165 89.7008 92.2992");
    /* A variant of four seeds, one of them diverged; a pair with it, whose trials are those of both; SQL by seeds; SQL.
     */
    const char *const counts =
        "SELECT group_concat(coalesce(n_asked, '-') || ' ' || coalesce(n_diverged, '-') || ' ' || "
        "coalesce(n_unfinished, '-') || ' ' || coalesce(n_failed, '-') || ' ' || coalesce(round(sd, 2), '-'), ', ') "
        "FROM (SELECT * FROM claims WHERE %s ORDER BY n)";
    char sql[600];
    snprintf(sql, sizeof sql, counts, "note LIKE '1 of the 4 seeds of ''dead''%'");
    check_text(f.path, sql, "4 1 0 0 -, 4 1 0 0 -");
    snprintf(sql, sizeof sql, counts, "note LIKE '2 of the 4 seeds have no value%' OR note LIKE 'it misses%'");
    check_text(f.path, sql, "- - - - -, 4 - - - -");
    fixture_close(&f);
}
END_TEST

/* The note of a claim about bp after a change of the trials. */
static void check_origin(const char *change, const char *note)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const struct store_claim claim = {
        .id = "a", .kind = "value", .quantity = OF("bp", "last"), .has_low = true, .low = 50
    };
    put_variant(&f, &variants[0], 0);
    OK(store_put_claims(f.s, f.study, 1, &claim, &e));
    OK(store_flush(f.s, &e));
    sqlite3 *db = plain_open(f.path);
    ck_assert_int_eq(sqlite3_exec(db, change, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT verdict || ': ' || note FROM claims", note);
    fixture_close(&f);
}

/* Trials that read other bytes, or were computed by other numerics, are in no mean together. One that was never begun,
 * or whose worker died before its first row, has read and computed nothing. */
START_TEST(other_numerics_are_not_mixed)
{
    check_origin("UPDATE trial SET numerics_version = 99 WHERE seed = 2",
                 "undecided: the trials of 'bp' read other data, or were computed by other numerics; mean of the 4 "
                 "that are there: 91");
    check_origin("UPDATE trial SET numerics_version = 99 WHERE seed <> 3; UPDATE trial SET state = 'queued' WHERE seed "
                 "= 3",
                 "undecided: 1 of the 4 seeds of 'bp' is not finished; mean of the 3 that are there: 90.6667");
    check_origin("UPDATE trial SET numerics_version = 99 WHERE seed <> 3; UPDATE trial SET state = 'failed' WHERE seed "
                 "= 3; DELETE FROM summary WHERE trial_id = (SELECT id FROM trial WHERE seed = 3)",
                 "undecided: 1 of the 4 seeds of 'bp' failed; mean of the 3 that are there: 90.6667");
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, from_trials_to_verdicts);
    tcase_add_test(t, other_numerics_are_not_mixed);
}
CHECK_MAIN("claims", add_tests)
