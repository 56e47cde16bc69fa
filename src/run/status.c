#include "run/private.h"

#include "base/duration.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

const char *status_processor(char *name, size_t size)
{
    snprintf(name, size, "unknown processor");
    FILE *f = fopen("/proc/cpuinfo", "re");
    if (!f && errno == ENOMEM)
        err_no_memory("the name of the processor");
    if (!f)
        return name;
    char line[512];
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (!strncmp(line, "model name", 10) && colon && colon[1] == ' ') {
            colon[strcspn(colon, "\n")] = 0;
            snprintf(name, size, "%s", colon + 2);
            break;
        }
    }
    fclose(f);
    return name;
}

const char *status_host(struct runner *r)
{
    struct utsname u;
    char processor[160];
    if (r->host[0])
        return r->host;
    (void)status_processor(processor, sizeof processor);
    if (uname(&u) < 0)
        snprintf(r->host, sizeof r->host, "%s", processor);
    else
        snprintf(r->host, sizeof r->host, "%.64s, %.32s %.64s %.32s, %s, %ld processors", u.nodename, u.sysname,
                 u.release, u.machine, processor, sysconf(_SC_NPROCESSORS_ONLN));
    return r->host;
}

/* Of a trial that ended the step with it, where it is an earlier one: the result of a trial that diverged is none. */
static void put_metrics(struct text *out, const struct attempt *t, bool ended)
{
    for (size_t i = 0; i < METRICS_SHOWN && t->shown[i].name[0]; i++) {
        if (!t->shown[i].seen)
            continue;
        text_add(out, "  %s %.4g", t->shown[i].name,
                 isnan(t->shown[i].value) ? (double)NAN : t->shown[i].value); /* no "-nan" */
        if (ended && t->shown[i].step < t->step)
            text_add(out, " at step %" PRId64, t->shown[i].step);
    }
}

static void draw_trial(struct runner *r, const struct attempt *t, int64_t now)
{
    struct text line = { 0 };
    char left[DURATION_SIZE];
    const double seconds = (double)(now - t->start_ns) * 1e-9;
    const double rate = seconds > 0 ? (double)(t->step - t->from_step) / seconds : 0;
    const double part = t->budget > 0 ? (double)t->step / (double)t->budget : 1;
    text_add(&line, "%3.0f %%", 100 * part); /* then the metric: a narrow terminal cuts the end */
    if (isfinite(t->loss))
        text_add(&line, "  train_loss %.4g", t->loss);
    text_add(&line, "  %s  step %" PRId64 "/%" PRId64, t->label, t->step, t->budget);
    put_metrics(&line, t, false);
    if (rate > 0)
        text_add(&line, "  %s left", duration_text((double)(t->budget - t->step) / rate, left));
    progress_line(&r->progress, false, "%s", line.s);
    text_free(&line);
}

static uint64_t finished(const struct runner *r)
{
    const struct run_result *x = r->result;
    return x->skipped + x->done + x->diverged + x->failed;
}

static void draw_study(struct runner *r, int64_t now)
{
    const struct run_result *x = r->result;
    struct text line = { 0 };
    char rate_text[32], left[DURATION_SIZE];
    double active = 0;
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active)
            active += (double)(r->slots[i].step - r->slots[i].from_step);
    const double seconds = (double)(now - r->start_ns) * 1e-9;
    const double rate = seconds > 0 ? (r->steps_done + active) / seconds : 0;
    const double steps = r->steps_left - active;
    text_add(&line, "%s  %" PRIu64 "/%" PRIu64 " trials",
             r->plan->n_studies == 1 ? r->plan->studies[0].study.name : "all studies", finished(r), x->total);
    if (x->diverged)
        text_add(&line, ", %" PRIu64 " diverged", x->diverged);
    if (x->failed)
        text_add(&line, ", %" PRIu64 " failed", x->failed);
    text_add(&line, "  %s steps/s", progress_count(rate, rate_text, sizeof rate_text));
    if (rate > 0)
        text_add(&line, "  %s left", duration_text(steps > 0 ? steps / rate : 0, left));
    if (r->stopping)
        text_puts(&line, "  stopping (again: at once)");
    progress_line(&r->progress, true, "%s", line.s);
    text_free(&line);
}

void status_draw(struct runner *r)
{
    const int64_t now = now_ns();
    struct progress *p = &r->progress;
    const int64_t interval = p->live ? 100 * 1000 * 1000 : INT64_C(5000) * 1000 * 1000;
    if (now - r->shown_ns < interval || (!p->live && r->options->verbose == 0))
        return;
    r->shown_ns = now;
    progress_begin(p);
    if (!p->live)
        p->width = 1000;
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active)
            draw_trial(r, &r->slots[i], now);
    draw_study(r, now);
    progress_end(p);
    if (!p->live && p->block.n) /* plain lines for a log */
        fputs(p->block.s, stderr);
}

void status_ended(struct runner *r, const struct attempt *t, const char *reason)
{
    struct run_result *x = r->result;
    uint64_t *count = t->state == TRIAL_DONE       ? &x->done
                      : t->state == TRIAL_DIVERGED ? &x->diverged
                      : t->state == TRIAL_FAILED   ? &x->failed
                                                   : &x->interrupted;
    ++*count;
    struct text line = { 0 };
    char took[DURATION_SIZE];
    text_add(&line, "[%" PRIu64 "/%" PRIu64 "] %s  %s  step %" PRId64, finished(r), x->total, t->label,
             t->pending.relog && t->state == TRIAL_DONE ? "logged" : trial_state_names[t->state], t->step);
    put_metrics(&line, t, true);
    text_add(&line, "  %s", duration_text((double)((t->end_ns ? t->end_ns : now_ns()) - t->start_ns) * 1e-9, took));
    if (reason)
        text_add(&line, "  (%s)", reason);
    progress_say(&r->progress, "%s", line.s);
    text_free(&line);
}
