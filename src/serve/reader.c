#include "serve/reader.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(struct question *q, int code, const char *why)
{
    text_clear(&q->text);
    text_puts(&q->text, why);
    q->code = code;
    q->done = true;
}

static int send_all(int fd, const struct frame_buffer *b)
{
    for (size_t sent = 0; sent < b->n;) {
        const ssize_t n = send(fd, b->bytes + sent, b->n - sent, MSG_NOSIGNAL); /* what is asked fits its buffer */
        if (n < 0 && errno != EINTR)
            return -1;
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int say(struct page_reader *r, enum reader_message type, const char *text)
{
    struct frame_buffer b = { 0 };
    frame_begin(&b, (uint8_t)type);
    if (text)
        frame_put_string(&b, text);
    frame_end(&b);
    const int code = send_all(r->self.fd, &b);
    frame_free(&b);
    return code;
}

static int start(struct page_reader *r, struct err *e)
{
    TRY(self_start(&r->self, READER_OPTION, false, e));
    return say(r, READER_OPEN, r->db) == 0 ? 0 : err_set(e, ERR_INTERNAL, "the process that reads the database ended");
}

void page_reader_ask(struct page_reader *r, struct question *q)
{
    struct err e = { 0 };
    text_clear(&q->text);
    q->next = NULL;
    q->code = 0;
    q->done = false;
    if (r->n >= READER_MOST) {
        fail(q, ERR_MEMORY, "too many questions at once");
        return;
    }
    if (r->self.fd < 0 && start(r, &e) < 0)
        fail(q, ERR_INTERNAL, err_first(&e));
    else if (say(r, q->request ? READER_VIEW : READER_VERSION, q->request) < 0)
        fail(q, ERR_INTERNAL, "the process that reads the database ended; ask again");
    err_clear(&e);
    if (q->done)
        return;
    *(r->last ? &r->last->next : &r->first) = q;
    r->last = q;
    if (r->n++ == 0)
        q->asked_ns = now_ns();
}

static struct question *pop(struct page_reader *r)
{
    struct question *q = r->first;
    r->first = q->next;
    r->n--;
    if (r->first)
        r->first->asked_ns = now_ns();
    else
        r->last = NULL;
    return q;
}

static void end_process(struct page_reader *r)
{
    if (r->self.fd >= 0) {
        kill(r->self.pid, SIGKILL); /* it only reads */
        (void)self_finish(&r->self);
    }
    frame_free(&r->in);
}

/* Adds a frame to the answer of the first question; whether that is complete. */
static int take_frame(struct question *q, struct frame *f, bool *complete, struct err *e)
{
    const char *text;
    int64_t code;
    *complete = f->type == READER_END;
    if (f->type == READER_PART) {
        TRY(frame_get_string(f, &text, e));
        text_puts(&q->text, text);
        return 0;
    }
    TRY(frame_get_int(f, &code, e));
    TRY(frame_get_string(f, &text, e));
    TRY(frame_get_int(f, &q->version, e));
    if (code < 0)
        fail(q, (int)code, text);
    q->done = true;
    return 0;
}

static struct question *take_whole(struct page_reader *r, bool *broken)
{
    struct frame f;
    struct err e = { 0 };
    bool complete = false;
    int code = 0;
    while (!complete && r->first && (code = frame_take(&r->in, &f, &e)) > 0)
        code = take_frame(r->first, &f, &complete, &e);
    *broken = code < 0;
    err_clear(&e);
    return complete && !*broken ? pop(r) : NULL;
}

struct question *page_reader_take(struct page_reader *r)
{
    unsigned char bytes[65536];
    bool broken = false, ended = false;
    for (;;) {
        struct question *q = take_whole(r, &broken);
        if (q)
            return q;
        if (broken || r->self.fd < 0)
            break;
        const ssize_t n = recv(r->self.fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
        if (n <= 0)
            break;
        frame_append(&r->in, bytes, (size_t)n);
    }
    const bool late = r->first && now_ns() - r->first->asked_ns > READER_SECONDS * INT64_C(1000000000);
    if (ended || broken || late)
        end_process(r); /* the next question starts another one */
    if (r->self.fd >= 0 || !r->first)
        return NULL;
    struct question *q = pop(r); /* the others follow, one for each call */
    fail(q, ERR_INTERNAL, late ? "the answer took too long" : "the process that reads the database ended; ask again");
    return q;
}

void page_reader_close(struct page_reader *r)
{
    end_process(r);
}
