#include "run/changed_files.h"

#include "base/text.h"
#include "run/read_trial.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Trials that are alike in their files, by what they have read and by how they name it. Those of a study whose data is
 * generated have read nothing: it costs one statement. */
static const char sql_groups[] =
    "SELECT min(x.id), x.inputs, count(*) FROM (SELECT t.id, t.inputs, t.config_id, "
    "(SELECT group_concat(p.key || '=' || coalesce(p.num, p.text)) FROM param p WHERE p.trial_id = t.id AND "
    "(p.key GLOB 'dataset.*' OR p.key GLOB 'network.init.from*')) AS names "
    "FROM (SELECT DISTINCT trial_id FROM place WHERE study_id = (SELECT id FROM study WHERE name = ?1)) o "
    "JOIN trial t ON t.id = o.trial_id WHERE t.inputs <> '{}' AND "
    "(t.state = 'diverged' OR (t.state = 'done' AND t.finished_budget >= t.budget))) x GROUP BY x.config_id, x.inputs, "
    "x.names";
/* Names of files whose bytes are others: ?1 then, ?2 now. */
static const char sql_others[] =
    "SELECT j.key FROM json_each(CASE WHEN json_valid(?1) THEN ?1 ELSE '{}' END) j JOIN json_each(?2) k ON "
    "k.key = j.key AND k.value <> j.value ORDER BY j.key";

struct group {
    int64_t trial; /* one of them */
    char *inputs;
    uint64_t n;
    bool changed;
};
/* What the files of a configuration are now. */
struct seen {
    char *files; /* as the configuration names them */
    char *inputs;
};
struct changed {
    char *name;
    uint64_t n; /* trials that read it when it was another */
};
struct search {
    struct arena *arena;
    size_t n_groups, n_seen, n_changed;
    struct group *groups, *group;
    struct seen *seen;
    struct changed *changed;
};

/* Room for one item more; doubled at powers of two. */
static void *grow(struct arena *a, void *items, size_t n, size_t size)
{
    if (n & (n - 1))
        return items;
    void *grown = arena_need(a, n ? 2 * n : 1, size);
    if (n)
        memcpy(grown, items, n * size);
    return grown;
}

static int add_group(void *self, int n, const char *const *v)
{
    struct search *s = self;
    int64_t trial, count;
    if (n < 3 || !v[0] || !v[1] || !v[2] || text_to_int(v[0], strlen(v[0]), &trial) < 0 ||
        text_to_int(v[2], strlen(v[2]), &count) < 0)
        return 0;
    s->groups = grow(s->arena, s->groups, s->n_groups, sizeof *s->groups);
    s->groups[s->n_groups++] = (struct group){ trial, arena_strdup(s->arena, v[1]), (uint64_t)count, false };
    return 0;
}

static int add_changed(void *self, int n, const char *const *v)
{
    struct search *s = self;
    if (n < 1 || !v[0])
        return 0;
    s->group->changed = true;
    for (size_t i = 0; i < s->n_changed; i++)
        if (!strcmp(s->changed[i].name, v[0])) {
            s->changed[i].n += s->group->n;
            return 0;
        }
    s->changed = grow(s->arena, s->changed, s->n_changed, sizeof *s->changed);
    s->changed[s->n_changed++] = (struct changed){ arena_strdup(s->arena, v[0]), s->group->n };
    return 0;
}

/* What the configuration's files are now: "{}" where it has none, or they cannot be read. */
static int look(struct search *s, const struct config *c, const char **inputs, struct err *e)
{
    const char *weights = c->network.init.from.file;
    struct text files = { 0 }, now = { 0 };
    struct err own = { 0 };
    bind_json(c->dataset.part->options, c->dataset.opts, 0, &files);
    text_add(&files, " %s %s", c->dataset.part->name, weights ? weights : "");
    *inputs = NULL;
    for (size_t i = 0; i < s->n_seen && !*inputs; i++)
        if (!strcmp(s->seen[i].files, files.s))
            *inputs = s->seen[i].inputs;
    int code = 0;
    if (!*inputs) {
        code = trial_inputs(c, false, &now, &own);
        s->seen = grow(s->arena, s->seen, s->n_seen, sizeof *s->seen);
        s->seen[s->n_seen] =
            (struct seen){ arena_strdup(s->arena, files.s), arena_strdup(s->arena, code == 0 && now.s ? now.s : "{}") };
        *inputs = s->seen[s->n_seen++].inputs;
    }
    text_free(&files);
    text_free(&now);
    code = code == ERR_MEMORY ? err_move(e, &own) : 0;
    err_clear(&own);
    return code;
}

static int compare(struct query *q, struct search *s, struct group *g, struct err *e)
{
    struct read_trial t;
    struct err own = { 0 };
    const char *arguments[] = { g->inputs, NULL };
    struct arena a; /* of its configuration alone */
    arena_init(&a, 0);
    const bool readable = read_trial(q, g->trial, &t, &a, &own) == 0;
    int code = readable ? look(s, &t.config, &arguments[1], e) : 0;
    err_clear(&own);
    arena_finish(&a);
    s->group = g;
    return code < 0 || !readable ? code : query_rows(q, sql_others, arguments, 2, add_changed, s, e);
}

static void warn(const struct changed *c, const char *study, struct err *found)
{
    err_warn(found, (struct where){ 0 },
             "%s: '%s' is not the file that %" PRIu64
             " finished trial%s read: their numbers are those of its former bytes; --force trains them again",
             study, c->name, c->n, c->n == 1 ? "" : "s");
}

int changed_files_find(struct query *q, const char *study, struct err *found, uint64_t *n, struct err *e)
{
    struct arena a;
    struct search s = { .arena = &a };
    arena_init(&a, 0);
    int code = query_rows(q, sql_groups, &study, 1, add_group, &s, e);
    for (size_t i = 0; i < s.n_groups && code == 0; i++) {
        code = compare(q, &s, &s.groups[i], e);
        *n += s.groups[i].changed ? s.groups[i].n : 0;
    }
    for (size_t i = 0; i < s.n_changed; i++)
        warn(&s.changed[i], study, found);
    arena_finish(&a);
    return code;
}
