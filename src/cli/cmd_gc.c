#include "cli/confirm.h"
#include "cli/ids.h"
#include "cli/writer.h"

#include "base/clean.h"
#include "run/checkpoint_set.h"
#include "store/remove.h"
#include <inttypes.h>
#include <sys/stat.h>

enum gc_kind { GC_CHECKPOINTS, GC_GENERATIONS, GC_SPACE };
static const char *const kinds[] = { "checkpoints", "generations", "space", NULL };

struct gc_choice {
    struct confirm_choice confirm;
    int only; /* 1 + enum gc_kind, 0 = all */
};
static const struct cli_option options[] = {
    { "only", 0, CLI_WORD, "KIND", offsetof(struct gc_choice, only), .words = kinds,
      .help = "checkpoints, generations or space: only this" },
    CONFIRM_OPTIONS(struct gc_choice, confirm),
    { 0 },
};

#define FINISHED "(t.state = 'diverged' OR (t.state = 'done' AND t.finished_budget >= t.budget))"
#define OLD "(t.generation NOT IN (0, (SELECT s.generation FROM study s WHERE s.id = t.study_id)))"

/* What there is to do. */
struct garbage {
    struct ids finished, old; /* trials: of which the checkpoints go; which go as a whole */
    struct swept files;
    double bytes; /* of the database */
};

static bool wants(const struct gc_choice *o, enum gc_kind kind)
{
    return o->only == 0 || o->only == 1 + (int)kind;
}

static double size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static int look(const struct cli *c, const struct gc_choice *o, struct garbage *g, struct err *e)
{
    const bool checkpoints = wants(o, GC_CHECKPOINTS), generations = wants(o, GC_GENERATIONS);
    struct query *q;
    char stays[512];
    TRY(query_open(&q, c->db, e));
    int code = 0;
    if (checkpoints)
        code = ids_select(&g->finished, q,
                          "SELECT DISTINCT t.id FROM trial t JOIN checkpoint c ON c.trial_id = t.id "
                          "WHERE " FINISHED,
                          NULL, 0, e);
    if (code == 0 && generations)
        code = ids_select(&g->old, q, "SELECT t.id FROM trial t WHERE " OLD, NULL, 0, e);
    query_close(q);
    g->bytes = size_of(c->db);
    snprintf(stays, sizeof stays,
             "SELECT c.path, c.sha256 FROM checkpoint c JOIN trial t ON t.id = c.trial_id WHERE NOT %s AND NOT %s",
             checkpoints ? FINISHED : "0", generations ? OLD : "0");
    return code == 0 && (checkpoints || generations) ? checkpoint_sweep_database(c->db, stays, true, &g->files, e)
                                                     : code;
}

static void show(const struct cli *c, const struct gc_choice *o, const struct garbage *g)
{
    if (c->quiet)
        return;
    if (wants(o, GC_CHECKPOINTS))
        printf("checkpoints of %zu finished trials\n", g->finished.n);
    if (wants(o, GC_GENERATIONS))
        printf("%zu trials of older specifications\n", g->old.n);
    if (o->only != 1 + GC_SPACE)
        printf("%" PRIu64 " files of checkpoints, %.1f MB\n", g->files.files, (double)g->files.bytes / 1e6);
    if (wants(o, GC_SPACE))
        clean_print_line(stdout, "unused space in %s, which has %.1f MB", c->db, g->bytes / 1e6);
}

static int collect(const struct cli *c, const struct gc_choice *o, struct store *store, const struct garbage *g,
                   struct err *e)
{
    struct swept swept = { 0 };
    size_t n_waiting; /* none: they are asked for no more */
    TRY(store_remove_checkpoints(store, g->finished.n, g->finished.items, e));
    if (g->old.n)
        TRY(store_remove_trials(store, g->old.n, g->old.items, &n_waiting, e));
    if (o->only != 1 + GC_SPACE)
        TRY(checkpoint_sweep_database(c->db, CHECKPOINTS_NAMED, false, &swept, e));
    return wants(o, GC_SPACE) ? store_shrink(store, e) : 0;
}

/* store: NULL with --dry-run. */
static int work(const struct cli *c, const struct gc_choice *o, struct store **store, struct err *e)
{
    struct garbage g = { 0 };
    int code = look(c, o, &g, e);
    if (code == 0)
        show(c, o, &g);
    if (code == 0 && confirm(c, &o->confirm, "tprun: remove this?")) {
        code = cli_close_writer(*store, collect(c, o, *store, &g, e), e);
        *store = NULL;
        if (code == 0 && !c->quiet)
            clean_print_line(stderr, "tprun: %s has %.1f MB now", c->db, size_of(c->db) / 1e6);
    }
    ids_free(&g.finished);
    ids_free(&g.old);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct gc_choice *o = own;
    struct store *store = NULL;
    struct err e = { 0 };
    int code = confirm_possible(&o->confirm, &e);
    if (code == 0 && !o->confirm.dry_run)
        code = cli_open_writer(c, &store, &e);
    if (code == 0)
        code = work(c, o, &store, &e);
    return cli_fail(c, cli_close_writer(store, code, &e), &e);
}

const struct command command_gc = {
    .name = "gc",
    .arguments = "",
    .summary = "Remove checkpoints of finished trials, trials of older specifications, unused space",
    .help = "What goes is shown first. A finished trial without a checkpoint starts anew when its length is\n"
            "raised, and `probe --from` and `export weights` have to train it again. One-offs and results stay.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .own = options,
    .own_size = sizeof(struct gc_choice),
    .run = run,
};
