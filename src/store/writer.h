/* Inside of the store: what store.c, write.c, metric.c and the files of records share. Nobody outside of src/store
 * includes it. */
#ifndef TPRUN_STORE_WRITER_H
#define TPRUN_STORE_WRITER_H

#include "store/lock.h"
#include "store/query.h"
#include "store/store.h"
#include "store/summary.h"
#include <sqlite3.h>
#include <sys/types.h>

enum {
    SCHEMA_VERSION = 5,
    SCHEMA_OLDEST = 2,           /* what can be migrated; version 1 was never released */
    APPLICATION_ID = 0x74707275, /* "tpru": what file(1) sees */
    GROUP_MS = 100,              /* a queued row is committed after so long */
    GROUP_ROWS = 1000,           /* or when there are so many */
    GROUP_ROWS_MAX = 16384,      /* where they come faster than a commit is worth: see write.c */
    BUSY_LIMIT_MS = 75000,       /* how long a foreign writer is waited for: one that sits for a minute does no harm */
    BUSY_WARN_MS = 1000,
    ROWS_PER_INSERT = 50, /* rows of one INSERT of metrics */
    BATCH_ROWS = 20,      /* of one INSERT of a batch */
    BATCH_COLUMNS = 6
};

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_PUT_STUDY,
    SQL_GET_STUDY,
    SQL_NEW_GENERATION,
    SQL_FORGET_STUDY_CURVES,
    SQL_FORGET_STUDY_FINALS,
    SQL_FORGET_STUDY_SELECTED,
    SQL_FORGET_STUDY_COMPARISONS,
    SQL_GET_THINNED,
    SQL_GET_REFRESHED,
    SQL_SET_REFRESHED,
    SQL_FORGET_REFRESHED,
    SQL_DELETE_CLAIMS,
    SQL_PUT_CLAIM,
    SQL_DELETE_TARGETS,
    SQL_PUT_TARGET,
    SQL_FORGET_CLAIMS,
    SQL_FORGET_STUDY_CLAIMS,
    SQL_PUT_DATASET,
    SQL_GET_QUEUED,
    SQL_SET_QUEUED,
    SQL_DELETE_PLACES_FROM,
    SQL_DELETE_PLACES,
    SQL_PUT_PLACE,
    SQL_GET_PLACES,
    SQL_GET_CONFIG,
    SQL_PUT_CONFIG,
    SQL_PUT_CONFIG_PARAM,
    SQL_DELETE_CONFIG_PARAMS,
    SQL_DELETE_CONFIGS,
    SQL_DESCRIBE_TRIAL,
    SQL_GET_PARAMS,
    SQL_GET_TRIAL,
    SQL_PUT_TRIAL,
    SQL_SET_BUDGET,
    SQL_KEEP_BUDGET,
    SQL_SET_GENERATION,
    SQL_RELABEL_TRIAL,
    SQL_SUPERSEDE_TRIAL,
    SQL_DELETE_PARAMS,
    SQL_PUT_PARAM,
    SQL_GET_CHECKPOINTS,
    SQL_TRIAL_KEY,
    SQL_TRIAL_STEP,
    SQL_RESET_TRIAL,
    SQL_RESET_DOOMED, /* of temp.doomed, see remove.c */
    SQL_DELETE_METRICS,
    SQL_DELETE_LAYER_METRICS,
    SQL_DELETE_SUMMARIES,
    SQL_DELETE_COSTS,
    SQL_DELETE_EVENTS,
    SQL_DELETE_PROGRESS,
    SQL_DELETE_NONDETERMINISM,
    SQL_CUT_TRIAL,
    SQL_CUT_METRICS,
    SQL_CUT_LAYER_METRICS,
    SQL_CUT_PROGRESS,
    SQL_CUT_NONDETERMINISM,
    SQL_GET_SUMMARIZED,
    SQL_DELETE_EMPTY_SUMMARIES,
    SQL_DELETE_CHECKPOINTS,
    SQL_DELETE_RUNS,
    SQL_DELETE_TUNE,
    SQL_DELETE_TUNE_KEYS,
    SQL_PUT_TUNE,
    SQL_PUT_TUNE_KEY,
    SQL_GET_CHOICES,
    SQL_SUPERSEDE_TUNED,
    SQL_HAS_ROW,
    SQL_PUT_HOST,
    SQL_GET_HOST,
    SQL_PUT_CODE,
    SQL_GET_CODE,
    SQL_PUT_RUN,
    SQL_GET_REPOSITORY,
    SQL_PUT_REPOSITORY,
    SQL_SET_REPOSITORY,
    SQL_START_TRIAL,
    SQL_GET_ORIGIN,
    SQL_IS_JSON,
    SQL_OTHER_INPUT,
    SQL_SET_ORIGIN,
    SQL_NAME_CELL,
    SQL_CELL_DIFFERS,
    SQL_SET_OUTDATED,
    SQL_COUNT_OUTDATED,
    SQL_SET_ALL_OUTDATED,
    SQL_HEARTBEAT,
    SQL_END_RUN,
    SQL_END_TRIAL,
    SQL_PUT_COST,
    SQL_PUT_PROGRESS,
    SQL_PUT_PROGRESSES,
    SQL_PUT_EVENT,
    SQL_PUT_EVENT_ONCE,
    SQL_PUT_TAG,
    SQL_DELETE_TAG,
    SQL_PUT_NOTE,
    SQL_DELETE_NOTE,
    SQL_SAME_CHECKPOINT,
    SQL_DELETE_CHECKPOINT,
    SQL_PUT_CHECKPOINT,
    SQL_OLD_CHECKPOINT,
    SQL_DROP_CHECKPOINTS,
    SQL_NAMED_CHECKPOINT,
    SQL_RECOVER_RUNS,
    SQL_RECOVER_TRIALS,
    SQL_GET_KEY,
    SQL_SET_FACTS,
    SQL_PUT_KEY,
    SQL_PUT_METRIC,
    SQL_PUT_METRICS,
    SQL_REPEAT_METRIC,
    SQL_GET_METRIC,
    SQL_REPEAT_LAYER_METRIC,
    SQL_REPEAT_LAYER_METRICS,
    SQL_GET_LAYER_METRIC,
    SQL_GET_METRICS,
    SQL_GET_SUMMARY,
    SQL_PUT_SUMMARY,
    SQL_GET_SWEPT,
    SQL_GET_VIEW,
    SQL_DELETE_DOC,
    SQL_PUT_DOC,
    SQL_PUT_FINAL_STATS,
    SQL_PUT_SELECTED_STATS,
    SQL_PUT_COMPARISONS,
    SQL_TOUCH_CURVES,
    SQL_DELETE_OLD_CURVE_STATS,
    SQL_DELETE_OLD_CURVES,
    SQL_PUT_CURVES,
    SQL_GET_NEW_CURVE,
    SQL_GET_CURVE_TRIALS,
    SQL_GET_METRICS_FROM,
    SQL_PUT_CURVE_STAT,
    SQL_FINISH_CURVE,
    SQL_GET_CLAIMS,
    SQL_GET_CLAIM_PAIRS,
    SQL_GET_CLAIM_LENGTH,
    SQL_GET_CLAIM_STATES,
    SQL_GET_CLAIM_SEEDS,
    SQL_GET_CLAIM_VALUES,
    SQL_GET_CLAIM_LAYER_VALUES,
    SQL_PUT_MEASURED,
    N_STATEMENTS
};
extern const char *const statement_sql[N_STATEMENTS]; /* statements.c */

/* A metric row that waits for its transaction. Rows of one series (a trial's metric) are chained, so that they are
 * inserted side by side in the tree of the table whatever the order they came in: four times fewer pages are written.
 */
struct queued_row {
    int64_t step;
    double value;  /* finite, or 0 */
    uint32_t next; /* in the chain; 0 = end */
    int nonfinite; /* code, 0 = finite */
};

struct series {
    bool loaded, dirty, rebuild; /* summary read; to be written; to be made again from the rows */
    uint32_t first, last;        /* of the chain; 1 + index in the queue, 0 = none */
    struct summary summary;
};

/* A trial that rows were written to since the store was opened or the trial ended. */
struct open_trial {
    int64_t id, step;
    bool step_dirty;
    size_t n_series;       /* allocated */
    struct series *series; /* by index of the metric's name */
};

struct metric_name {
    char *name;
    int64_t id; /* metric_key.id */
    enum goal goal;
    bool told; /* its facts are those of this program */
};

/* A parameter of a statement. */
struct value {
    char type; /* 'i', 'd', 't' or 0 for NULL */
    int64_t i;
    double d;
    const char *t;
};

/* Rows of one table that wait for an INSERT of many, none longer than the transaction that they belong to: batch.c. */
enum batch_table { BATCH_PROGRESS, BATCH_LAYER_METRIC, N_BATCHES };
struct batch {
    size_t n;
    struct value values[BATCH_ROWS][BATCH_COLUMNS];
};

/* A text that has a row of its own, and the row's id. */
struct interned {
    char *text; /* NULL: none yet */
    int64_t id;
};

struct store {
    sqlite3 *db;
    char *path; /* resolved */
    pid_t pid;
    struct lock lock;
    sqlite3_stmt *statements[N_STATEMENTS];
    int64_t forgotten;          /* study whose statistics are known to be gone; 0 = none */
    char *uniform_cell;         /* see origin.c: name of a cell none of whose trials is outdated, or NULL */
    struct interned host, code; /* of the last run that began */
    int failed;                 /* code of the first error; the store then refuses everything */
    bool open_group;            /* a transaction is open */
    bool held;                  /* and stays so until store_release */
    int64_t since_ms;           /* monotonic, of the first queued row */
    size_t weight;              /* rows queued since the last commit */
    size_t weight_limit;
    uint64_t queued, acknowledged; /* writing calls */
    int busy_limit_ms;
    int64_t busy_since_ms;
    bool busy_warned, wal_warned, closing;
    struct query_limits limits; /* of the measures of claims, see bounded.h */

    struct metric_name *names;
    size_t n_names, names_capacity;
    uint32_t *name_slots; /* hash table: 1 + index, 0 = free */
    size_t n_name_slots;  /* power of two */
    struct open_trial *trials;
    size_t n_trials, trials_capacity, last_trial;
    struct queued_row *queue; /* GROUP_ROWS_MAX */
    size_t n_queue;
    struct batch batches[N_BATCHES];
};

struct value value_int(int64_t i);
struct value value_real(double d);      /* NULL unless finite */
struct value value_text(const char *t); /* NULL for NULL */
struct value value_null(void);
struct value value_id(int64_t id); /* NULL for 0 or less */

/* write.c: statements and transactions. */
/* Records that SQLite refused `what`: an error with the file, the reason and advice; the transaction is rolled back,
 * the store is dead. */
int write_fail(struct store *s, const char *what, struct err *e);
/* The same for an error that is not SQLite's. */
int write_refuse(struct store *s, int code, struct err *e, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A prepared statement, reset, or NULL. */
sqlite3_stmt *write_statement(struct store *s, enum statement which, struct err *e);
/* Binds the values and runs to the end. *changes may be NULL. */
int write_exec(struct store *s, enum statement which, const struct value *values, size_t n, int *changes,
               struct err *e);
/* Binds the values and goes to the first row; *stmt stands on it and must be reset by write_reset, or is NULL when
 * there is none. */
int write_query(struct store *s, enum statement which, const struct value *values, size_t n, sqlite3_stmt **stmt,
                struct err *e);
/* Goes to the next row; at the end the statement is reset and *stmt is NULL. */
int write_next(struct store *s, sqlite3_stmt **stmt, struct err *e);
void write_reset(sqlite3_stmt **stmt);
#define WRITE(s, which, changes, e, ...)                                                                               \
    write_exec(s, which, (const struct value[]){ __VA_ARGS__ },                                                        \
               sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value), changes, e)
#define QUERY(s, which, stmt, e, ...)                                                                                  \
    write_query(s, which, (const struct value[]){ __VA_ARGS__ },                                                       \
                sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value), stmt, e)
/* Opens the group's transaction, unless one is open. */
int write_begin(struct store *s, struct err *e);
/* Counts a call of `weight` rows as queued; commits when the group is full. */
int write_end(struct store *s, size_t weight, struct err *e);
int write_check(struct store *s, struct err *e); /* the sticky error */
int64_t write_utc_ms(void);
int write_busy(void *self, int count); /* busy handler */

/* batch.c */
/* A row of the table, its columns in their order and no text among them. Call it in a transaction. */
int batch_add(struct store *s, enum batch_table table, const struct value row[BATCH_COLUMNS], struct err *e);
int batch_drain(struct store *s, struct err *e); /* inserts all into the open transaction */

/* metric.c */
/* Whether a row that the database has is this one, bit for bit; ERR_CONFLICT. */
int metric_compare_layer(struct store *s, const struct value row[BATCH_COLUMNS], struct err *e);
int metric_drain(struct store *s, struct err *e);         /* inserts the queue into the open transaction */
int metric_put_summaries(struct store *s, struct err *e); /* drains, then writes what changed: before each commit */
int metric_reached(struct store *s, int64_t trial, int64_t step,
                   struct err *e); /* trial.step = max(trial.step, step) */

/* series.c */
/* The index of a metric's name, which gets its row of metric_key when it is new. */
int series_find_name(struct store *s, const char *name, size_t *index, struct err *e);
int series_find_trial(struct store *s, int64_t id, struct open_trial **trial, struct err *e);
/* The trial and the series of a name, with its summary read. The pointers hold until the next call. */
int series_find(struct store *s, int64_t trial_id, size_t name, struct open_trial **trial, struct series **series,
                struct err *e);
void series_forget(struct store *s, int64_t trial); /* after metric_put_summaries: the trial ended */
void series_finish(struct store *s);

/* config.c: the text of a parameter's row: that of a value that is no number, or of one that is not finite. */
const char *config_param_text(const struct store_param *p);
/* origin.c: trials may have come into another cell. */
void origin_forget(struct store *s);
/* trial.c */
enum trial_state trial_state_of(const char *name);
/* An attempt begins at this step. Where rows of an earlier one lie behind both that and the budget, which was lowered
 * since, it will end before them: they go. */
int trial_cut(struct store *s, int64_t trial, int64_t from_step, struct err *e);
/* study.c: forgets the statistics of a study, whose trials changed other than by new rows. */
int study_forget_statistics(struct store *s, int64_t study, struct err *e);
/* Without the curves, of which those that still hold are kept. */
int study_forget_tables(struct store *s, int64_t study, struct err *e);

/* Whether rows of its metrics were taken out, so that what was made of all of them cannot be made again. */
int study_is_thinned(struct store *s, int64_t study, bool *thinned, struct err *e);

/* stats.c, views.c, claims.c: the three parts of store_refresh. */
int stats_register(sqlite3 *db);
int stats_refresh(struct store *s, int64_t study, struct err *e);
/* curve.c, a part of stats_refresh: makes the curves that are not there, or not of what is stored now. */
int curves_refresh(struct store *s, int64_t study, struct err *e);
int claims_refresh(struct store *s, int64_t study, struct err *e);
/* views.c: the view study_<name>, in the open transaction. */
int views_pivot(struct store *s, int64_t study, const char *name, struct err *e);
/* Its name is free for a view: told before anything is trained, not after. */
int views_reserve(struct store *s, const char *study, struct err *e);
/* migrate.c: an empty database (version 0), one of an older version, or one with other views becomes what the model is.
 */
int migrate_to_model(struct store *s, int64_t version, struct err *e);

#endif
