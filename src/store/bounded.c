#include "store/bounded.h"

#include "base/duration.h"
#include "base/frame.h"
#include "base/self.h"
#include "store/reader.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct reader_process {
    struct self self;
    struct frame_buffer in;
};

struct query_limits bounded_limits(struct query_limits given)
{
    return (struct query_limits){ given.cpu_seconds > 0 ? given.cpu_seconds : 30,
                                  given.temp_bytes > 0 ? given.temp_bytes : INT64_C(256) << 20 };
}

/* Starts a reader and sends it all requests. One that is gone already will be found out when it is read from. */
static int start(struct reader_process *p, bool to_stdout, const struct frame_buffer *requests, struct err *e)
{
    *p = (struct reader_process){ .self.fd = -1 };
    TRY(self_start(&p->self, BOUNDED_OPTION, to_stdout, e));
    for (size_t sent = 0; sent < requests->n;) {
        const ssize_t n = send(p->self.fd, requests->bytes + sent, requests->n - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            break;
        sent += n > 0 ? (size_t)n : 0;
    }
    shutdown(p->self.fd, SHUT_WR);
    return 0;
}

/* The next answer: 1, or 0 when there is no more. */
static int take(struct reader_process *p, struct frame *f, struct err *e)
{
    unsigned char bytes[4096];
    for (;;) {
        const int code = frame_take(&p->in, f, e);
        if (code != 0)
            return code;
        const ssize_t n = recv(p->self.fd, bytes, sizeof bytes, 0);
        if (n == 0 || (n < 0 && errno != EINTR))
            return 0;
        frame_append(&p->in, bytes, n > 0 ? (size_t)n : 0);
    }
}

/* Waits for its end; returns the signal that it died of, or 0. */
static int finish(struct reader_process *p)
{
    frame_free(&p->in);
    return self_finish(&p->self);
}

/* Why a reader left without an answer. */
static int set_death(int died_of, struct query_limits limits, struct err *e)
{
    char limit[DURATION_SIZE];
    if (died_of == SIGPROF) /* its clock: SQLite cannot be interrupted within one function */
        return err_set(e, ERR_USAGE, QUERY_STOPPED_MORE, duration_text(limits.cpu_seconds, limit));
    if (died_of == SIGABRT)
        return err_set(e, ERR_MEMORY, "the query needs more memory than a query may have");
    const char *name = died_of ? sigabbrev_np(died_of) : NULL;
    return err_set(e, ERR_INTERNAL, "the process that reads the database was ended%s%s", name ? " by SIG" : "",
                   name ? name : "");
}

static int take_error(struct frame *f, int64_t *fatal, struct err *e)
{
    int64_t code;
    const char *text;
    TRY(frame_get_int(f, fatal, e));
    TRY(frame_get_int(f, &code, e));
    TRY(frame_get_string(f, &text, e));
    return err_set(e, code < 0 ? (int)code : ERR_INTERNAL, "%s", text ? text : "");
}

/* What is read: as in BOUNDED_OPEN. */
struct database {
    const char *path, *view;
    int64_t study;
};

static void put_open(struct frame_buffer *b, const struct database *db, struct query_limits limits)
{
    frame_begin(b, BOUNDED_OPEN);
    frame_put_string(b, db->path);
    frame_put_int(b, db->study);
    frame_put_double(b, limits.cpu_seconds);
    frame_put_int(b, limits.temp_bytes);
    frame_put_string(b, db->view);
    frame_end(b);
}

/* SQLite would refuse values and statements that are nearly as long as a frame may be. */
static int check_length(const char *db, const char *sql, const char *const *arguments, size_t n, struct err *e)
{
    size_t length = strlen(db) + strlen(sql);
    for (size_t i = 0; i < n; i++)
        length += strlen(arguments[i]) + 8;
    return length < FRAME_MAX - 1024 ? 0 : err_set(e, ERR_USAGE, "the query has more than 1 MB with its values");
}

int bounded_print(const char *db, const char *sql, const char *const *arguments, size_t n_arguments,
                  enum query_format format, struct query_limits limits, struct err *e)
{
    struct frame_buffer requests = { 0 };
    struct reader_process p;
    struct frame f;
    int64_t fatal;
    limits = bounded_limits(limits);
    TRY(check_length(db, sql, arguments, n_arguments, e));
    put_open(&requests, &(struct database){ .path = db, .view = "" }, limits);
    frame_begin(&requests, BOUNDED_PRINT);
    frame_put_int(&requests, format);
    frame_put_string(&requests, sql);
    frame_put_int(&requests, (int64_t)n_arguments);
    for (size_t i = 0; i < n_arguments; i++)
        frame_put_string(&requests, arguments[i]);
    frame_end(&requests);
    int code = start(&p, true, &requests, e);
    frame_free(&requests);
    TRY(code);
    const int answered = take(&p, &f, e);
    code = answered > 0 && f.type == BOUNDED_ERROR ? take_error(&f, &fatal, e) : answered;
    const int died_of = finish(&p);
    if (died_of == SIGPIPE) /* `tprun sql ... | head`: as if this process had written */
        raise(SIGPIPE);
    if (code == 0)
        code = set_death(died_of, limits, e);
    return code < 0 ? code : 0;
}

static int take_values(struct frame *f, struct bounded_answer *a, struct err *e)
{
    int64_t per_seed, n, found;
    TRY(frame_get_int(f, &per_seed, e));
    TRY(frame_get_int(f, &n, e));
    if (n < 0 || n > QUERY_MAX_VALUES)
        return err_set(e, ERR_INTERNAL, "a reading process answered %lld rows", (long long)n);
    a->per_seed = per_seed != 0;
    a->rows = a->per_seed ? calloc((size_t)n + 1, sizeof *a->rows) : NULL;
    if (a->per_seed && !a->rows)
        return err_set(e, ERR_MEMORY, "out of memory");
    for (int64_t i = 0; i < n; i++) {
        struct query_value v;
        TRY(frame_get_int(f, &found, e));
        TRY(frame_get_double(f, &v.value, e));
        TRY(frame_get_int(f, &v.seed, e));
        v.found = found != 0;
        if (i == 0) {
            a->found = v.found;
            a->value = v.value;
        }
        if (a->per_seed)
            a->rows[a->n_rows++] = v;
    }
    return 0;
}

static int take_answer(struct frame *f, struct bounded_answer *a, struct err *e)
{
    int64_t fatal = 0;
    struct err refused = { 0 };
    int code = 0;
    if (f->type == BOUNDED_VALUE) {
        TRY(take_values(f, a, e));
        snprintf(a->note, sizeof a->note, "%s", a->found || a->per_seed ? "" : "the measure gives no value");
    } else if (f->type != BOUNDED_DONE) {
        code = take_error(f, &fatal, &refused);
        snprintf(a->note, sizeof a->note, "%s", err_first(&refused));
        code = fatal ? err_move(e, &refused) : 0;
    }
    err_clear(&refused);
    return code;
}

/* Answers from *at on, until the reader has answered all or died of one. */
static int measure_some(const struct frame_buffer *requests, struct query_limits limits, size_t n, size_t *at,
                        struct bounded_answer *answers, struct err *e)
{
    struct reader_process p;
    struct frame f;
    struct err death = { 0 };
    TRY(start(&p, false, requests, e));
    int code = 1;
    while (*at < n && (code = take(&p, &f, e)) > 0) {
        code = take_answer(&f, &answers[*at], e);
        if (code < 0)
            break;
        ++*at;
    }
    const int died_of = finish(&p);
    if (code == 0 && *at < n) {
        (void)set_death(died_of, limits, &death);
        snprintf(answers[*at].note, sizeof answers[*at].note, "%s", err_first(&death));
        err_clear(&death);
        ++*at;
    }
    return code < 0 ? code : 0;
}

/* The answers to n requests of one type about the same database. A measure that the reader dies of is answered by its
 * death, and a new reader goes on behind it. */
static int ask(const struct database *db, enum bounded_message type, const char *const *measures, size_t n,
               struct query_limits limits, struct bounded_answer *answers, struct err *e)
{
    int code = 0;
    limits = bounded_limits(limits);
    for (size_t i = 0; i < n; i++) {
        answers[i] = (struct bounded_answer){ .found = false };
        TRY(check_length(db->path, measures[i], NULL, 0, e));
    }
    for (size_t at = 0; at < n && code == 0;) {
        struct frame_buffer requests = { 0 };
        put_open(&requests, db, limits);
        for (size_t i = at; i < n; i++) {
            frame_begin(&requests, type);
            frame_put_string(&requests, measures[i]);
            frame_end(&requests);
        }
        code = measure_some(&requests, limits, n, &at, answers, e);
        frame_free(&requests);
    }
    return code;
}

int bounded_measure(const char *db, int64_t study, const char *const *measures, size_t n, struct query_limits limits,
                    struct bounded_answer *answers, struct err *e)
{
    return ask(&(struct database){ .path = db, .view = "", .study = study }, BOUNDED_MEASURE, measures, n, limits,
               answers, e);
}

void bounded_free(struct bounded_answer *answers, size_t n)
{
    for (size_t i = 0; answers && i < n; i++)
        free(answers[i].rows);
}

int bounded_compile(const char *study, const char *const *keys, size_t n_keys, const char *const *measures, size_t n,
                    struct bounded_answer *answers, struct err *e)
{
    struct text view = { 0 };
    views_begin(&view, study);
    for (size_t i = 0; i < n_keys; i++)
        views_add(&view, keys[i]);
    views_end(&view, study);
    const struct database empty = { .path = "", .view = view.s };
    const int code = ask(&empty, BOUNDED_COMPILE, measures, n, (struct query_limits){ 0 }, answers, e);
    text_free(&view);
    return code;
}
