#include "trial/measures.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

void clock_now(double now[2])
{
    now[0] = clock_ns(CLOCK_MONOTONIC);
    now[1] = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_lap(double from[2], double total[2])
{
    double now[2];
    clock_now(now);
    for (int i = 0; i < 2; i++) {
        total[i] += now[i] - from[i];
        from[i] = now[i];
    }
}

int trial_open(struct trial **out, const struct config *c, struct err *e)
{
    struct trial *t = calloc(1, sizeof *t);
    *out = t;
    if (!t)
        return err_set(e, ERR_MEMORY, "not enough memory for a trial");
    int code = trial_setup(t, c, true, e);
    if (code == 0) {
        t->dataset_state = arena_alloc(&t->memory, 1, t->dataset->part.state_size);
        code = t->dataset_state ? t->dataset->open(c->dataset.opts, (uint64_t)c->seed, t->dataset_state, &t->memory, e)
                                : err_set(e, ERR_MEMORY, "not enough memory for the dataset");
    }
    if (code == 0 && chain_reads_map(&t->chain) && t->dataset->by_pixel)
        code = t->dataset->by_pixel(t->dataset_state, &t->memory, e);
    if (code < 0) {
        trial_close(t);
        *out = NULL;
    }
    return code;
}

void trial_close(struct trial *t)
{
    if (!t)
        return;
    trial_teardown(t);
    free(t);
}

int64_t trial_step_number(const struct trial *t)
{
    return t->step;
}

void trial_set_spent(struct trial *t, struct spent before)
{
    t->before = before;
}

static double training_flops(const struct trial *t)
{
    return (double)t->steps_here * step_flops(t->config, &t->chain, &t->credit) +
           (double)t->feedback_only.here * feedback_flops(&t->chain, &t->credit, t->pass.rows);
}

struct spent trial_spent(const struct trial *t)
{
    return (struct spent){ t->before.cpu_ns + t->cost_ns[COST_TRAIN][1], t->before.flops + training_flops(t) };
}

int trial_step(struct trial *t, struct err *e)
{
    const uint64_t first = (uint64_t)t->step * t->pass.rows;
    t->dataset->fill(t->config->dataset.opts, t->dataset_state, SPLIT_TRAIN, first, &t->pass.batch);
    TRY(step_train(t, true, e));
    t->step++;
    t->batch_loss_sum += t->pass.loss;
    t->batch_loss_count++;
    return 0;
}

/* The last step's update has no step after it to show that it was too large. */
static int check_finite(struct trial *t, struct err *e)
{
    const struct evaluation *v = &t->evaluation[SPLIT_EVAL];
    if (!t->config->train.stop.nonfinite || !v->done || isfinite(v->loss))
        return 0;
    snprintf(t->bad_tensor, sizeof t->bad_tensor, "train_loss");
    return err_set(e, ERR_DIVERGED, "train_loss is not finite");
}

/* The sheet's rule: diverged when the train loss exceeds a multiple of the initial one (Roulet, code). */
static int check_loss(struct trial *t, struct err *e)
{
    const double factor = t->config->train.stop.loss_above_initial;
    if (factor == 0)
        return 0;
    const struct evaluation *v;
    TRY(evaluate(t, SPLIT_EVAL, &v, e));
    if (t->step == 0)
        t->initial_loss = v->loss;
    else if (!(v->loss <= factor * t->initial_loss)) {
        snprintf(t->bad_tensor, sizeof t->bad_tensor, "train_loss");
        return err_set(e, ERR_DIVERGED, "train_loss %.6g exceeds %.6g times the initial %.6g", v->loss, factor,
                       t->initial_loss);
    }
    return 0;
}

/* A diverged trial's train loss is recorded as NaN at the step where it happened, unless the log of that step exists
 * already. */
static int log_divergence(struct trial *t, struct sink *sink, const struct err *why, struct err *e)
{
    const int64_t at = t->step + 1;
    for (size_t i = 0; i < t->config->log.metrics.n; i++)
        if (registry_find(&measure_registry, t->config->log.metrics.items[i]) == measure_registry.parts[0])
            TRY(sink->metric(sink, measure_registry.parts[0]->name, at, NAN, e));
    return sink->event(sink, at, "diverged", err_first(why), e);
}

struct run {
    struct trial *t;
    struct sink *sink;
    const struct trial_control *control;
    struct kept_rows rows; /* of the log at hand */
    double lap[2];
    double begun_at, saved_at, told_at; /* ns */
    bool has_checkpoint;                /* of this attempt, or of one before, from which it goes on */
};

static const char *const phase_names[COST_PHASES] = { "train", "evaluate", "checkpoint", "log" };

static int report_costs(struct run *r, struct err *e)
{
    struct trial *t = r->t;
    clock_lap(r->lap, t->cost_ns[COST_TRAIN]);
    const double flops[COST_PHASES] = { training_flops(t), t->evaluation_flops, 0, 0 };
    for (int i = 0; i < COST_PHASES; i++)
        TRY(r->sink->cost(r->sink, phase_names[i], (int64_t)t->cost_ns[i][0], (int64_t)t->cost_ns[i][1], flops[i], e));
    return 0;
}

/* What was spent is told first: an attempt that is killed has cost all that its last checkpoint took. */
static int save(struct run *r, struct err *e)
{
    if (!r->control->checkpoint_folder)
        return 0;
    TRY(report_costs(r, e));
    TRY(checkpoint_write(r->t, r->control->checkpoint_folder, r->control->checkpoint_key, r->sink, e));
    clock_lap(r->lap, r->t->cost_ns[COST_CHECKPOINT]);
    r->saved_at = r->lap[0];
    r->has_checkpoint = true;
    return 0;
}

/* At the end: nobody needs the state of a trial that is trained again in no time, and a sweep has thousands of these.
 */
static int save_last(struct run *r, struct err *e)
{
    const struct config_checkpoint *c = &r->t->config->checkpoint;
    const bool was_long = r->has_checkpoint || clock_ns(CLOCK_MONOTONIC) - r->begun_at > 1e9 * c->seconds;
    return c->keep == KEEP_NONE || (c->keep == KEEP_LONG && !was_long) ? 0 : save(r, e);
}

static int tell_reached(struct run *r, struct err *e)
{
    const struct trial *t = r->t;
    const int64_t per_epoch = config_per_epoch(t->config, &t->data);
    const struct reached p = { .step = t->step,
                               .samples = t->step * (int64_t)t->pass.rows,
                               .epoch = per_epoch ? (double)t->step / (double)per_epoch : NAN,
                               .spent = trial_spent(t) };
    return r->sink->reached ? r->sink->reached(r->sink, &p, e) : 0;
}

/* What is due after a step: a log, a test of the divergence rule, one of train.stop.metric, or some of them on one
 * evaluation. A trial that ends here is logged here. */
struct due {
    bool log, check, test;
};

/* Leaves the log's rows in r->rows; *logs: whether there is one. */
static int evaluate_due(struct run *r, struct due due, bool *logs, struct err *e)
{
    struct trial *t = r->t;
    if (due.test)
        TRY(stop_test(t, e));
    *logs = due.log || t->stop.cause;
    if (*logs)
        TRY(measure_all(t, &r->rows.sink, e));
    TRY(check_finite(t, e));
    return due.check ? check_loss(t, e) : 0;
}

/* What was measured goes on its way, also that of a trial which ends here as diverged. */
static int look(struct run *r, struct due due, struct err *e)
{
    struct trial *t = r->t;
    bool logs = false;
    evaluation_clear(t);
    clock_lap(r->lap, t->cost_ns[COST_TRAIN]);
    const int code = evaluate_due(r, due, &logs, e);
    clock_lap(r->lap, t->cost_ns[COST_EVALUATE]);
    if (logs) {
        TRY(tell_reached(r, e));
        TRY(kept_rows_hand_on(&r->rows, r->sink, e));
    }
    if (code == 0 && r->control->progress)
        r->control->progress(r->control->self, t->step,
                             t->evaluation[SPLIT_EVAL].done ? t->evaluation[SPLIT_EVAL].loss : t->pass.loss);
    clock_lap(r->lap, t->cost_ns[COST_LOG]);
    return code;
}

/* Between two steps: is anything asked of us, is it time to save or to show progress? */
static int between_steps(struct run *r, struct err *e)
{
    const struct trial_control *c = r->control;
    const int wish = c->poll ? c->poll(c->self) : TRIAL_CONTINUE;
    if (wish == TRIAL_STOP) {
        TRY(save(r, e));
        return err_set(e, ERR_STOPPED, "stopped at step %" PRId64, r->t->step);
    }
    const double now = clock_ns(CLOCK_MONOTONIC);
    if (wish == TRIAL_CHECKPOINT || now - r->saved_at > 1e9 * r->t->config->checkpoint.seconds)
        TRY(save(r, e));
    if (c->progress && now - r->told_at > 1e8) {
        r->told_at = now;
        c->progress(c->self, r->t->step, r->t->step > 0 ? r->t->pass.loss : NAN);
    }
    return 0;
}

/* What is due between two steps. Logs come before it: they are of the training step, whose pass and displacements it
 * overwrites. */
static int feedback_only(struct run *r, struct err *e)
{
    while (feedback_only_due(r->t) > 0) {
        TRY(between_steps(r, e));
        TRY(feedback_only_minibatch(r->t, r->sink, e));
    }
    return 0;
}

static bool is_over(const struct trial *t)
{
    return t->step >= t->budget || t->stop.cause;
}

static struct due due_at(const struct trial *t, int64_t step)
{
    return (struct due){ .log = step == t->budget || step % t->config->log.every == 0,
                         .check = step % t->config->train.stop.every == 0,
                         .test = t->stop.every > 0 && step % t->stop.every == 0 };
}

static int train(struct run *r, struct err *e)
{
    struct trial *t = r->t;
    if (t->step == 0 && t->feedback_only.done == 0) { /* a restored trial has its weights, and the file may be gone */
        TRY(initial_read(t, e));
        TRY(initial_tell(t, r->sink, e));
        TRY(look(r, (struct due){ .log = true, .check = true }, e));
    }
    TRY(feedback_only(r, e));
    while (!is_over(t)) {
        TRY(between_steps(r, e));
        const struct due due = due_at(t, t->step + 1);
        if (t->references)
            t->references->wanted = due.log || due.test;
        TRY(trial_step(t, e));
        t->steps_here++;
        if (due.log || due.check || due.test)
            TRY(look(r, due, e));
        TRY(feedback_only(r, e));
    }
    return save_last(r, e);
}

/* One that was stopped behind a budget that was lowered since goes on to its next log: so its end has a row, and one
 * that a longer trial has too. */
static void end_behind_budget(struct trial *t)
{
    const int64_t every = t->config->log.every;
    if (t->step > t->budget)
        t->budget = (t->step + every - 1) / every * every;
}

int trial_run(struct trial *t, struct sink *sink, const struct trial_control *control, struct trial_outcome *outcome,
              struct err *e)
{
    struct run r = { .t = t, .sink = sink, .control = control, .rows = kept_rows_new() };
    clock_now(r.lap);
    r.begun_at = r.saved_at = r.told_at = r.lap[0];
    r.has_checkpoint = t->step > 0 || t->feedback_only.done > 0;
    end_behind_budget(t);
    const bool has_work = !is_over(t) || feedback_only_due(t) > 0;
    const int code = has_work || t->step == 0 ? train(&r, e) : 0;
    kept_rows_free(&r.rows);
    const bool diverged = code == ERR_DIVERGED || code == ERR_SINGULAR;
    struct err second = { 0 };
    const bool seen_by_log = registry_find(&measure_registry, t->bad_tensor) != NULL;
    if (diverged && seen_by_log)
        sink->event(sink, t->step, "diverged", err_first(e), &second);
    else if (diverged)
        log_divergence(t, sink, e, &second);
    const bool ended = code == 0 || diverged || code == ERR_STOPPED;
    if (ended && second.code == 0)
        report_costs(&r, &second);
    *outcome =
        (struct trial_outcome){ .step = t->step, .layer = t->bad_layer >= 0 ? t->bad_layer : t->credit.bad_layer };
    snprintf(outcome->tensor, sizeof outcome->tensor, "%s", t->bad_tensor);
    stop_reason(t, outcome->reason, sizeof outcome->reason);
    checkpoint_weights_hash(t, outcome->weights_sha256);
    const int second_code = second.code;
    if (ended && second_code < 0) { /* a result that could not be recorded is none */
        err_clear(e);
        err_move(e, &second);
        return second_code;
    }
    err_clear(&second);
    return code;
}
