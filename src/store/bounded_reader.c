/* The process that reads: see bounded.h. */
#include "store/bounded.h"

#include "base/frame.h"
#include "base/self.h"
#include "store/reader.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* What a result may take beside SQLite: a table is kept until it is whole. */
enum { MEMORY_MB = 1024 };
/* A statement that SQLite can interrupt ends with a message at the limit; a function that it cannot, so much later. */
static const double grace_seconds = 1;

struct reader {
    struct query *q;
    struct temp_files temp;
    struct query_limits limits;
};

bool bounded_is_reader(int argc, char **argv)
{
    return self_is(argc, argv, BOUNDED_OPTION);
}

/* The address space that is mapped now and MEMORY_MB more, or what the user's limit leaves of it. */
static void limit_memory(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    const bool known = f && fscanf(f, "%lu", &pages) == 1;
    if (f)
        fclose(f);
    struct rlimit l;
    if (!known || getrlimit(RLIMIT_AS, &l) < 0)
        return; /* SQLite's own limit holds all the same */
    const rlim_t limit = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)MEMORY_MB << 20);
    l.rlim_cur = l.rlim_max != RLIM_INFINITY && l.rlim_max < limit ? l.rlim_max : limit;
    (void)setrlimit(RLIMIT_AS, &l);
}

/* SIGPROF, which ends this process, when the next statement has used the time of its own and some grace. */
static void set_clock(double seconds)
{
    double whole;
    const double fraction = modf(fmin(seconds + grace_seconds, 2e9), &whole);
    const struct itimerval end = { .it_value = { (time_t)whole, (suseconds_t)(fraction * 1e6) } };
    (void)setitimer(ITIMER_PROF, &end, NULL);
}

static void answer(const struct frame_buffer *b)
{
    for (size_t sent = 0; sent < b->n;) {
        const ssize_t n = send(SELF_SOCKET, b->bytes + sent, b->n - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            _exit(EXIT_FAILURE); /* nobody waits for an answer any more */
        sent += n > 0 ? (size_t)n : 0;
    }
}

static void answer_done(void)
{
    struct frame_buffer b = { 0 };
    frame_begin(&b, BOUNDED_DONE);
    frame_end(&b);
    answer(&b);
    frame_free(&b);
}

static void answer_error(bool fatal, int code, struct err *e)
{
    struct frame_buffer b = { 0 };
    frame_begin(&b, BOUNDED_ERROR);
    frame_put_int(&b, fatal);
    frame_put_int(&b, code);
    frame_put_string(&b, err_first(e));
    frame_end(&b);
    answer(&b);
    frame_free(&b);
    err_clear(e);
}

static int open_database(struct reader *r, struct frame *f, struct err *e)
{
    const char *db, *view;
    int64_t study;
    TRY(frame_get_string(f, &db, e));
    TRY(frame_get_int(f, &study, e));
    TRY(frame_get_double(f, &r->limits.cpu_seconds, e));
    TRY(frame_get_int(f, &r->limits.temp_bytes, e));
    TRY(frame_get_string(f, &view, e));
    sqlite3_hard_heap_limit64((sqlite3_int64)QUERY_HEAP_MB << 20);
    TRY(temp_files_open(&r->temp, r->limits.temp_bytes, e));
    set_clock(r->limits.cpu_seconds);
    TRY(*db ? query_open_study(&r->q, db, study, &r->temp, e) : query_open_empty(&r->q, view, &r->temp, e));
    query_set_cpu_limit(r->q, r->limits.cpu_seconds);
    return 0;
}

static int print(struct reader *r, struct frame *f, struct err *e)
{
    enum { MOST = 64 };
    int64_t format, n;
    const char *sql, *arguments[MOST];
    TRY(frame_get_int(f, &format, e));
    TRY(frame_get_string(f, &sql, e));
    TRY(frame_get_int(f, &n, e));
    if (n < 0 || n > MOST)
        return err_set(e, ERR_USAGE, "a query has up to %d values", (int)MOST);
    for (int64_t i = 0; i < n; i++)
        TRY(frame_get_string(f, &arguments[i], e));
    r->q->whole_cells = true;
    TRY(query_print(r->q, sql, arguments, (size_t)n, (enum query_format)format, stdout, NULL, e));
    answer_done();
    return 0;
}

static int measure(struct reader *r, struct frame *f, struct err *e)
{
    const char *sql;
    bool per_seed;
    size_t n;
    TRY(frame_get_string(f, &sql, e));
    struct query_value *values = calloc(QUERY_MAX_VALUES, sizeof *values);
    const int code =
        values ? query_measure(r->q, sql, &per_seed, values, &n, e) : err_set(e, ERR_MEMORY, "out of memory");
    if (code == 0) {
        struct frame_buffer b = { 0 };
        frame_begin(&b, BOUNDED_VALUE);
        frame_put_int(&b, per_seed);
        frame_put_int(&b, (int64_t)n);
        for (size_t i = 0; i < n; i++) {
            frame_put_int(&b, values[i].found);
            frame_put_double(&b, values[i].value);
            frame_put_int(&b, values[i].seed);
        }
        frame_end(&b);
        answer(&b);
        frame_free(&b);
    }
    free(values);
    return code;
}

static int compile(struct reader *r, struct frame *f, struct err *e)
{
    const char *sql;
    TRY(frame_get_string(f, &sql, e));
    TRY(query_compile(r->q, sql, e));
    answer_done();
    return 0;
}

static int serve(struct reader *r, struct frame *f)
{
    struct err e = { 0 };
    int code;
    if (f->type == BOUNDED_OPEN) {
        code = open_database(r, f, &e);
    } else if (!r->q) {
        code = err_set(&e, ERR_INTERNAL, "a reading process was not told its database");
    } else {
        set_clock(r->limits.cpu_seconds);
        r->temp.full = false;
        code = f->type == BOUNDED_PRINT     ? print(r, f, &e)
               : f->type == BOUNDED_COMPILE ? compile(r, f, &e)
                                            : measure(r, f, &e);
    }
    const bool fatal = !r->q;
    if (code < 0)
        answer_error(fatal, code, &e);
    return fatal ? -1 : 0;
}

int bounded_read(char **argv)
{
    const struct rlimit no_core = { 0, 0 };
    if (!self_begin(argv))
        return EXIT_FAILURE;
    signal(SIGPROF, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write(2) */
    (void)setrlimit(RLIMIT_CORE, &no_core);
    limit_memory();
    struct frame_buffer in = { 0 };
    unsigned char bytes[65536];
    for (;;) { /* until the other side has said all */
        const ssize_t n = recv(SELF_SOCKET, bytes, sizeof bytes, 0);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return EXIT_FAILURE;
        frame_append(&in, bytes, n > 0 ? (size_t)n : 0);
    }
    struct reader r = { .q = NULL };
    struct frame f;
    struct err e = { 0 };
    int code;
    while ((code = frame_take(&in, &f, &e)) > 0)
        if (serve(&r, &f) < 0)
            break;
    if (code < 0)
        answer_error(true, code, &e);
    query_close(r.q);
    frame_free(&in);
    return EXIT_SUCCESS;
}
