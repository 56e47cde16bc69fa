/* The process that reads: see reader.h. */
#include "serve/reader.h"

#include "serve/views.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CPU_SECONDS = 30 /* of one SELECT */, PART = 1 << 18 };

struct process {
    char *db;
    struct query *q;
    struct stat file;  /* that q has open */
    int64_t n_changes; /* of what is answered */
    int64_t version;   /* of q */
};

static void answer(const struct frame_buffer *b)
{
    for (size_t sent = 0; sent < b->n;) {
        const ssize_t n = send(SELF_SOCKET, b->bytes + sent, b->n - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            _exit(EXIT_SUCCESS); /* nobody waits for an answer any more */
        sent += n > 0 ? (size_t)n : 0;
    }
}

static void answer_text(const struct text *t)
{
    struct frame_buffer b = { 0 };
    char part[PART + 1];
    for (size_t at = 0; at < t->n; at += PART) {
        const size_t n = t->n - at < PART ? t->n - at : PART;
        memcpy(part, t->s + at, n);
        part[n] = '\0';
        frame_begin(&b, READER_PART);
        frame_put_string(&b, part);
        frame_end(&b);
    }
    answer(&b);
    frame_free(&b);
}

static void answer_end(const struct process *p, int code, const struct err *e)
{
    struct frame_buffer b = { 0 };
    frame_begin(&b, READER_END);
    frame_put_int(&b, code);
    frame_put_string(&b, err_first(e));
    frame_put_int(&b, p->n_changes);
    frame_end(&b);
    answer(&b);
    frame_free(&b);
}

/* The file may be another one than before, where it is replaced as a whole; or be gone for a while. */
static int open_current(struct process *p, struct err *e)
{
    struct stat now;
    const bool there = stat(p->db, &now) == 0;
    if (p->q && there && now.st_dev == p->file.st_dev && now.st_ino == p->file.st_ino)
        return 0;
    if (p->q)
        p->n_changes++;
    query_close(p->q);
    p->q = NULL;
    TRY(query_open(&p->q, p->db, e));
    query_set_cpu_limit(p->q, CPU_SECONDS);
    p->file = now;
    p->n_changes++;
    return query_version(p->q, &p->version, e);
}

static int look(struct process *p, struct err *e)
{
    int64_t version;
    TRY(open_current(p, e));
    TRY(query_version(p->q, &version, e));
    p->n_changes += version != p->version;
    p->version = version;
    return 0;
}

static int serve(struct process *p, struct frame *f, struct err *e)
{
    const char *text;
    struct text json = { 0 };
    if (f->type == READER_VERSION)
        return look(p, e);
    TRY(frame_get_string(f, &text, e));
    if (f->type == READER_OPEN) {
        p->db = strdup(text);
        return p->db ? 0 : err_set(e, ERR_MEMORY, "out of memory");
    }
    TRY(open_current(p, e));
    const int code = view_answer(&json, p->q, text, e);
    if (code == 0)
        answer_text(&json);
    text_free(&json);
    return code;
}

bool page_reader_is(int argc, char **argv)
{
    return self_is(argc, argv, READER_OPTION);
}

int page_reader_run(char **argv)
{
    const struct rlimit no_core = { 0, 0 };
    struct frame_buffer in = { 0 };
    struct process p = { .n_changes = (int64_t)getpid() << 20 }; /* another number than a process before it had */
    struct frame f;
    unsigned char bytes[65536];
    if (!self_begin(argv))
        return EXIT_FAILURE;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    for (;;) {
        struct err e = { 0 };
        const int taken = frame_take(&in, &f, &e);
        if (taken > 0) {
            const bool opens = f.type == READER_OPEN;
            const int code = serve(&p, &f, &e);
            if (!opens || code < 0)
                answer_end(&p, code, &e);
        }
        err_clear(&e);
        if (taken < 0)
            break;
        const ssize_t n = taken ? 0 : recv(SELF_SOCKET, bytes, sizeof bytes, 0);
        if (!taken && (n == 0 || (n < 0 && errno != EINTR)))
            break;
        frame_append(&in, bytes, n > 0 ? (size_t)n : 0);
    }
    query_close(p.q);
    free(p.db);
    frame_free(&in);
    return EXIT_SUCCESS;
}
