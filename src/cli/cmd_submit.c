/* A study on Slurm: stores its trials, submits a job array and a merge job, and exits. */
#include "cli/train.h"

#include "base/clean.h"
#include "base/duration.h"
#include "base/file.h"
#include "run/signals.h"
#include "run/submit.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct submit_choice {
    struct cli_int shards, at_once, cpus;
    const char *partition, *account, *time, *mem;
    bool print, status;
};
static const struct cli_option options[] = {
    { "shards", 0, CLI_INT, "K", offsetof(struct submit_choice, shards), 1, SHARDS_MAX,
      .help = "tasks of the array (default: as many as trials, 100 at most)" },
    { "max-parallel", 0, CLI_INT, "N", offsetof(struct submit_choice, at_once), 1, SHARDS_MAX,
      .help = "tasks at once (default: as many as there is room for)" },
    { "cpus", 0, CLI_INT, "N", offsetof(struct submit_choice, cpus), 1, 1024,
      .help = "processors of a task (default: 1)" },
    { "partition", 0, CLI_TEXT, "NAME", offsetof(struct submit_choice, partition), .help = "as sbatch takes it" },
    { "account", 0, CLI_TEXT, "NAME", offsetof(struct submit_choice, account), .help = "as sbatch takes it" },
    { "time", 0, CLI_TEXT, "TIME", offsetof(struct submit_choice, time),
      .help = "limit of a task, as sbatch takes it; one that needs more is queued again" },
    { "mem", 0, CLI_TEXT, "SIZE", offsetof(struct submit_choice, mem), .help = "memory of a task, as sbatch takes it" },
    { "print", 0, CLI_FLAG, NULL, offsetof(struct submit_choice, print),
      .help = "print the scripts, and neither store nor submit anything" },
    { "status", 0, CLI_FLAG, NULL, offsetof(struct submit_choice, status),
      .help = "say where each shard is, from the rows of its database" },
    { 0 },
};

/* The arguments of `work`, and the texts that they are made of. */
struct words {
    size_t n;
    char **items;
};

static int add_word(struct words *w, char *text, struct err *e)
{
    char **grown = text ? realloc(w->items, (w->n + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(text);
        return err_set(e, ERR_MEMORY, "out of memory");
    }
    w->items = grown;
    grown[w->n++] = text;
    return 0;
}

static int add_option(struct words *w, const char *name, const char *value, struct err *e)
{
    if (!value)
        return 0;
    TRY(add_word(w, strdup(name), e));
    return add_word(w, strdup(value), e);
}

static int collect(const struct cli *c, struct words *w, struct err *e)
{
    for (size_t i = 0; i < c->arguments.n; i++) {
        char *absolute = realpath(c->arguments.items[i], NULL);
        if (!absolute)
            return err_set(e, ERR_USAGE, "%s: %s (a task needs a file)", c->arguments.items[i], strerror(errno));
        TRY(add_word(w, absolute, e));
    }
    TRY(add_option(w, "--profile", c->profile, e));
    for (size_t i = 0; i < c->variants.n; i++)
        TRY(add_option(w, "--variant", c->variants.items[i], e));
    for (size_t i = 0; i < c->overrides.n; i++)
        TRY(add_option(w, "--set", c->overrides.items[i], e));
    return c->yes ? add_word(w, strdup("--yes"), e) : 0;
}

/* Text that stands in the head of a script must be one word. */
static int check_words(const struct submit_choice *o, struct err *e)
{
    const char *const words[] = { o->partition, o->account, o->time, o->mem };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i] && (!*words[i] || strpbrk(words[i], " \t\n\"'\\#")))
            return err_set(e, ERR_USAGE, "'%s' cannot stand in a script of Slurm", words[i]);
    return 0;
}

/* The database's absolute path, and the folder of its shards beside it. */
static int name_places(const char *db, const char *study, char path[4096], char folder[4096], struct err *e)
{
    char here[4096];
    if (!getcwd(here, sizeof here))
        return err_set(e, ERR_IO, "the current folder: %s", strerror(errno));
    const int n = *db == '/' ? snprintf(path, 4096, "%s", db) : snprintf(path, 4096, "%s/%s", here, db);
    if (n < 0 || n >= 4096 || snprintf(folder, 4096, "%s.shards/%s", path, study) >= 4096)
        return err_set(e, ERR_USAGE, "%s: the path is too long", db);
    return strpbrk(path, "\"\n%") ? err_set(e, ERR_USAGE, "%s: the path cannot stand in a script of Slurm", path) : 0;
}

/* ---- status ---- */

struct status_row {
    size_t shard;
    int64_t now_ms;
};

static int print_row(void *self, int n, const char *const *v)
{
    const struct status_row *r = self;
    char seen[48] = "-", ago[DURATION_SIZE];
    int64_t heard;
    if (n >= 7 && v[5] && text_to_int(v[5], strlen(v[5]), &heard) == 0)
        snprintf(seen, sizeof seen, "%s ago", duration_text((double)(r->now_ms - heard) / 1e3, ago));
    clean_print_line(stdout, "%-6zu %6s %9s %7s %12s %8s  %-12s %s", r->shard, v[0], v[1], v[2], v[3], v[4], seen,
                     n >= 7 && v[6] ? v[6] : "-");
    return 0;
}

static int print_shard(const char *path, size_t shard, struct err *e)
{
    struct query *q;
    struct timespec now;
    bool empty;
    TRY(query_check(path, &empty, e));
    if (empty) {
        clean_print_line(stdout, "%-6zu %6s %9s %7s %12s %8s  %-12s %s", shard, "-", "-", "-", "-", "-", "-", "-");
        return 0;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    struct status_row row = { shard, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 };
    TRY(query_open(&q, path, e));
    const int code = query_rows(
        q,
        "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'diverged'), "
        "count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'interrupted'), "
        "count(*) FILTER (WHERE state = 'running'), (SELECT max(heartbeat_ms) FROM run), (SELECT substr(h.description, "
        "1, "
        "instr(h.description "
        "|| ',', ',') - 1) FROM run r JOIN host h ON h.id = r.host_id ORDER BY r.heartbeat_ms DESC LIMIT 1) FROM trial",
        NULL, 0, print_row, &row, e);
    query_close(q);
    return code;
}

static int print_status(const char *folder, struct err *e)
{
    size_t shown = 0;
    for (size_t i = 0; i < SHARDS_MAX; i++) {
        char path[4096 + 16];
        snprintf(path, sizeof path, "%s/%zu.db", folder, i);
        if (access(path, F_OK) < 0 && i > 1000 + shown) /* beyond the last one */
            break;
        if (access(path, F_OK) < 0)
            continue;
        if (shown++ == 0)
            printf("%-6s %6s %9s %7s %12s %8s  %-12s %s\n", "shard", "done", "diverged", "failed", "interrupted",
                   "running", "heard of", "host");
        (void)print_shard(path, i, e); /* one that cannot be read is told behind the others */
    }
    return shown ? e->code : err_set(e, ERR_USAGE, "%s: no shard has begun", folder);
}

/* ---- submitting ---- */

static int print_scripts(const struct submission *s)
{
    struct text t = { 0 };
    submit_array_script(&t, s);
    text_puts(&t, "\n");
    submit_merge_script(&t, s);
    fputs(t.s, stdout);
    text_free(&t);
    return 0;
}

static int put_trials(const struct cli *c, struct plan *p, struct err *e)
{
    struct run_options o;
    struct run_result result;
    TRY(cli_run_options(c, &o, e));
    o.queue_only = true;
    TRY(train_run(c->db, NULL, p, &o, &result, e));
    fprintf(stderr, "tprun: %" PRIu64 " trials are in %s, %" PRIu64 " of them finished\n", result.total, c->db,
            result.skipped);
    return 0;
}

static int submit(const struct cli *c, struct plan *p, const struct submission *s, struct err *e)
{
    struct text array = { 0 }, merge = { 0 };
    TRY(file_make_folders(s->folder, ERR_STORAGE, e));
    TRY(put_trials(c, p, e));
    const int code = submit_jobs(s, &array, &merge, e);
    if (code == 0) {
        clean_print_line(stdout, "array %s: %zu shards in %s", array.s, s->shards, s->folder);
        clean_print_line(stdout, "merge %s: into %s when all have ended", merge.s, s->db);
    }
    text_free(&array);
    text_free(&merge);
    return code;
}

static int choose(const struct cli *c, const struct submit_choice *o, struct plan *p, struct err *e)
{
    char program[4096] = "tprun", db[4096], folder[4096], name[160];
    const char *study = p->studies[0].study.name;
    struct words w = { 0 };
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 5] = 0;
    TRY(name_places(c->db, study, db, folder, e));
    if (o->status)
        return print_status(folder, e);
    int code = collect(c, &w, e);
    uint64_t trials = 0;
    for (size_t i = 0; i < p->n_studies; i++)
        trials += p->studies[i].n;
    snprintf(name, sizeof name, "tprun-%.140s", study);
    const struct submission s = { .name = name,
                                  .program = program,
                                  .db = db,
                                  .folder = folder,
                                  .n_arguments = w.n,
                                  .arguments = (const char *const *)w.items,
                                  .shards = o->shards.given ? (size_t)o->shards.value
                                            : trials < 100  ? (size_t)trials
                                                            : 100,
                                  .at_once = (size_t)o->at_once.value,
                                  .partition = o->partition,
                                  .account = o->account,
                                  .time = o->time,
                                  .mem = o->mem,
                                  .cpus = o->cpus.given ? o->cpus.value : 1 };
    if (code == 0)
        code = o->print ? print_scripts(&s) : submit(c, p, &s, e);
    for (size_t i = 0; i < w.n; i++)
        free(w.items[i]);
    free(w.items);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct submit_choice *o = own;
    struct plan p = { 0 };
    struct err e = { 0 };
    int code = check_words(o, &e);
    if (code == 0)
        code = signals_open(&e);
    if (code == 0)
        code = train_open_plan(c, &p, &e);
    if (code == 0)
        (void)cli_fail(c, code, &e); /* notes on the files come first */
    if (code == 0)
        code = choose(c, o, &p, &e);
    const int status = cli_fail(c, code, &e);
    plan_close(&p);
    return status;
}

const struct command command_submit = {
    .name = "submit",
    .arguments = "SPEC... [KEY=VALUE]...",
    .summary = "Train the trials on a Slurm cluster, and merge what comes of them",
    .help = "Stores all trials in the database, writes two scripts, submits an array of `work` and a job\n"
            "that merges the shards when all have ended, prints the ids and exits. The shards lie in\n"
            "PATH.shards/STUDY beside the database, and can be read while they grow. A task whose time is\n"
            "up is queued again; what is missing in the end, the same command submits once more.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_spec, NULL },
    .own = options,
    .own_size = sizeof(struct submit_choice),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
