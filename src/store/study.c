/* Studies, their claims, and the data files they read. */
#include "store/writer.h"

#include "base/hash.h"
#include <string.h>

enum { MIN_SEEDS = 3 }; /* of a claim that does not say */

int study_forget_tables(struct store *s, int64_t study, struct err *e)
{
    TRY(WRITE(s, SQL_SET_REFRESHED, NULL, e, value_int(study), value_null()));
    TRY(WRITE(s, SQL_FORGET_STUDY_FINALS, NULL, e, value_int(study)));
    TRY(WRITE(s, SQL_FORGET_STUDY_SELECTED, NULL, e, value_int(study)));
    return WRITE(s, SQL_FORGET_STUDY_COMPARISONS, NULL, e, value_int(study));
}

int study_forget_statistics(struct store *s, int64_t study, struct err *e)
{
    if (s->forgotten == study) /* asked for by each trial that is relabelled or reset */
        return 0;
    s->forgotten = study;
    TRY(study_forget_tables(s, study, e));
    return WRITE(s, SQL_FORGET_STUDY_CURVES, NULL, e, value_int(study));
}

int store_put_study(struct store *s, const struct store_study *study, int64_t *id, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(views_reserve(s, study->name, e));
    char sha256[65], before[65] = "";
    hash_bytes_hex(study->spec, strlen(study->spec), sha256);
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_STUDY, &stmt, e, value_text(study->name), value_null()));
    if (stmt) {
        snprintf(before, sizeof before, "%s", (const char *)sqlite3_column_text(stmt, 1));
        write_reset(&stmt);
    }
    TRY(WRITE(s, SQL_PUT_STUDY, NULL, e, value_text(study->name), value_text(study->title), value_text(study->paper),
              value_text(study->locator), value_text(study->path), value_text(study->profile), value_text(study->spec),
              value_text(sha256), value_int(write_utc_ms())));
    TRY(QUERY(s, SQL_GET_STUDY, &stmt, e, value_text(study->name), value_null()));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: study '%s' was not stored", s->path, study->name);
    *id = sqlite3_column_int64(stmt, 0);
    write_reset(&stmt);
    if (before[0] && strcmp(before, sha256) != 0) {
        TRY(study_forget_statistics(s, *id, e));
        TRY(WRITE(s, SQL_NEW_GENERATION, NULL, e, value_int(*id)));
    }
    return write_end(s, 1, e);
}

int store_put_repository(struct store *s, int64_t study, const struct store_repository *r, struct err *e)
{
    int64_t id = 0;
    TRY(write_begin(s, e));
    if (r) {
        const struct value changed = r->changed < 0 ? value_null() : value_int(r->changed);
        sqlite3_stmt *stmt;
        TRY(QUERY(s, SQL_GET_REPOSITORY, &stmt, e, value_text(r->root), value_text(r->commit), changed));
        id = stmt ? sqlite3_column_int64(stmt, 0) : 0;
        write_reset(&stmt);
        if (!id) {
            TRY(WRITE(s, SQL_PUT_REPOSITORY, NULL, e, value_text(r->root), value_text(r->commit), changed));
            id = sqlite3_last_insert_rowid(s->db);
        }
    }
    TRY(WRITE(s, SQL_SET_REPOSITORY, NULL, e, value_int(study), value_id(id)));
    return write_end(s, 1, e);
}

int store_find_study(struct store *s, const char *name, int64_t *id, struct err *e)
{
    TRY(write_check(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_STUDY, &stmt, e, value_text(name), value_null()));
    *id = stmt ? sqlite3_column_int64(stmt, 0) : 0;
    write_reset(&stmt);
    return 0;
}

int store_is_refreshed(struct store *s, int64_t study, bool *refreshed, struct err *e)
{
    TRY(write_check(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_REFRESHED, &stmt, e, value_int(study)));
    *refreshed = stmt != NULL;
    write_reset(&stmt);
    return 0;
}

/* *stmt: the row of a study of which rows were taken out, with its name; NULL: it has all. */
static int find_thinned(struct store *s, int64_t study, sqlite3_stmt **stmt, struct err *e)
{
    TRY(write_check(s, e));
    return QUERY(s, SQL_GET_THINNED, stmt, e, value_int(study));
}

int study_is_thinned(struct store *s, int64_t study, bool *thinned, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(find_thinned(s, study, &stmt, e));
    *thinned = stmt != NULL;
    write_reset(&stmt);
    return 0;
}

int store_need_all_rows(struct store *s, int64_t study, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(find_thinned(s, study, &stmt, e));
    if (!stmt)
        return 0;
    const char *const name = (const char *)sqlite3_column_text(stmt, 0);
    const int code = write_refuse(s, ERR_CONFLICT, e,
                                  "%s: of study '%s' only some rows of each curve are here, with the verdicts that all "
                                  "of them gave: it can be read, and not trained further or changed; train it into "
                                  "another database (--db), or remove it as a whole (tprun rm %s)",
                                  s->path, name, name);
    write_reset(&stmt);
    return code;
}

static struct value real_or_null(bool given, double value)
{
    return given ? value_real(value) : value_null();
}

int store_put_claims(struct store *s, int64_t study, size_t n, const struct store_claim *claims, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_DELETE_CLAIMS, NULL, e, value_int(study)));
    TRY(WRITE(s, SQL_SET_REFRESHED, NULL, e, value_int(study), value_null()));
    for (size_t i = 0; i < n; i++) {
        const struct store_claim *c = &claims[i];
        TRY(WRITE(
            s, SQL_PUT_CLAIM, NULL, e, value_int(study), value_text(c->id), value_int((int64_t)i), value_text(c->text),
            value_text(c->measure), real_or_null(c->has_reported, c->reported), real_or_null(c->has_low, c->low),
            real_or_null(c->has_high, c->high), value_text(c->kind ? c->kind : "measure"), value_text(c->quantity),
            real_or_null(c->reported_n > 0, c->reported_sd),
            c->reported_n > 0 ? value_int(c->reported_n) : value_null(), real_or_null(c->has_tolerance, c->tolerance),
            real_or_null(c->has_margin, c->margin), value_int(c->min_seeds ? c->min_seeds : MIN_SEEDS)));
    }
    return write_end(s, n + 1, e);
}

int store_put_targets(struct store *s, int64_t study, size_t n, const struct store_target *targets, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_DELETE_TARGETS, NULL, e, value_int(study)));
    for (size_t i = 0; i < n; i++)
        TRY(WRITE(s, SQL_PUT_TARGET, NULL, e, value_int(study), value_text(targets[i].metric),
                  value_real(targets[i].value), value_int((int64_t)i)));
    return write_end(s, n + 1, e);
}

int store_dataset(struct store *s, const struct store_dataset *d, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_PUT_DATASET, NULL, e, value_text(d->name), value_text(d->path), value_text(d->sha256),
              value_int(write_utc_ms())));
    return write_end(s, 1, e);
}
