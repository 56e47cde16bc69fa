#include "store/meant.h"

#include "store/reader.h"
#include "store/table.h"
#include <string.h>

enum { MOST_TOLD = 8 };

struct names {
    struct arena a;
    size_t n, capacity;
    const char **items;
};

static int add_name(void *self, int n, const char *const *values)
{
    struct names *names = self;
    if (n < 1 || !values[0] || !*values[0])
        return 0;
    if (names->n == names->capacity) {
        names->capacity = 2 * names->capacity + 64;
        const char **items = arena_need(&names->a, names->capacity, sizeof *items);
        if (names->n)
            memcpy(items, names->items, names->n * sizeof *items);
        names->items = items;
    }
    names->items[names->n++] = arena_strdup(&names->a, values[0]);
    return 0;
}

static bool listed(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (!strcmp(names->items[i], name))
            return true;
    return false;
}

/* "(it has: a, b)", or as much of it as helps. */
static const char *list(struct names *names)
{
    struct text t = { 0 };
    text_puts(&t, " (there are: ");
    for (size_t i = 0; i < names->n && i < MOST_TOLD; i++)
        text_add(&t, "%s%s", i ? ", " : "", names->items[i]);
    text_puts(&t, names->n > MOST_TOLD ? ", ...)" : names->n ? ")" : "none)");
    const char *all = arena_strdup(&names->a, t.s);
    text_free(&t);
    return all;
}

static int refuse(struct names *names, const char *path, const char *what, const char *name, const char *otherwise,
                  struct err *e)
{
    const char *near = err_nearest(name, names->items, names->n);
    return err_set(e, ERR_USAGE, "%s: no %s '%s'%s%s%s", path, what, name, near ? "; did you mean '" : otherwise,
                   near ? near : "", near ? "'?" : "");
}

/* Of a connection that may not be ours in all: what cannot be read has no names. */
static void collect(struct query *q, const char *sql, struct names *names)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(q->db, sql, -1, &stmt, NULL) == SQLITE_OK)
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *name = (const char *)sqlite3_column_text(stmt, 0);
            (void)add_name(names, 1, &name); /* never fails */
        }
    sqlite3_finalize(stmt); /* repeats what prepare or step said */
}

int meant_in_query(struct query *q, const char *said, struct err *e)
{
    static const struct {
        const char *words, *known;
    } kinds[] = {
        { "no such table: ",
          "SELECT name FROM sqlite_master WHERE type IN ('view', 'table') ORDER BY type DESC, name" },
        { "no such column: ", "SELECT DISTINCT \"column\" FROM _doc ORDER BY 1" },
    };
    struct names names = { 0 };
    const char *near = NULL;
    arena_init(&names.a, 0);
    const char *message = arena_strdup(&names.a, said); /* the connection's, which is used on */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(message, kinds[i].words, strlen(kinds[i].words))) {
            const char *word = message + strlen(kinds[i].words), *dot = strrchr(word, '.');
            collect(q, kinds[i].known, &names);
            word = dot ? dot + 1 : word;
            near = err_nearest(word, names.items, names.n);
            near = near && strcmp(near, word) ? near : NULL; /* a column of another table */
        }
    const int code =
        err_set(e, ERR_USAGE, "%s%s%s%s", message, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    arena_finish(&names.a);
    return code;
}

int meant_no_study(struct query *q, const char *name, const char *otherwise, struct err *e)
{
    struct names names = { 0 };
    arena_init(&names.a, 0);
    int code = query_rows(q, "SELECT name FROM study ORDER BY name", NULL, 0, add_name, &names, e);
    if (code == 0)
        code = refuse(&names, q->path, "study", name, otherwise, e);
    arena_finish(&names.a);
    return code;
}

int meant_variant(struct query *q, const char *study, const char *name, struct err *e)
{
    struct names names = { 0 };
    arena_init(&names.a, 0);
    int code = query_rows(q, "SELECT DISTINCT variant FROM all_trials WHERE ?1 IS NULL OR study = ?1 ORDER BY variant",
                          &study, 1, add_name, &names, e);
    if (code == 0 && !listed(&names, name))
        code = refuse(&names, q->path, "variant", name, list(&names), e);
    arena_finish(&names.a);
    return code;
}

/* The names in the form that tables show. */
static void shorten(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        struct text t = { 0 };
        table_short_cell(&t, names->items[i]);
        names->items[i] = arena_strdup(&names->a, t.s);
        text_free(&t);
    }
}

static int find_cell(struct names *names, const char *path, const char *given, const char **whole, struct err *e)
{
    struct names found = { 0 };
    if (listed(names, given)) {
        *whole = given;
        return 0;
    }
    arena_init(&found.a, 0);
    for (size_t i = 0; i < names->n; i++)
        if (table_cell_is(names->items[i], given))
            (void)add_name(&found, 1, &names->items[i]); /* never fails */
    *whole = found.n == 1 ? arena_strdup(&names->a, found.items[0]) : NULL;
    int code = 0;
    if (found.n > 1)
        code = err_set(e, ERR_USAGE, "%s: '%s' may be several cells: name one whole%s", path, given, list(&found));
    arena_finish(&found.a);
    if (code == 0 && !*whole) {
        shorten(names);
        code = refuse(names, path, "cell", given, list(names), e);
    }
    return code;
}

int meant_cell(struct query *q, const char *study, const char *given, struct arena *a, const char **whole,
               struct err *e)
{
    struct names names = { 0 };
    arena_init(&names.a, 0);
    int code = query_rows(q, "SELECT DISTINCT cell FROM all_trials WHERE ?1 IS NULL OR study = ?1 ORDER BY cell",
                          &study, 1, add_name, &names, e);
    if (code == 0)
        code = find_cell(&names, q->path, given, whole, e);
    if (code == 0)
        *whole = arena_strdup(a, *whole);
    arena_finish(&names.a);
    return code;
}
