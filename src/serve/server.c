#include "serve/server.h"

#include "serve/gate.h"
#include "serve/listen.h"
#include "serve/reader.h"
#include "serve/visit.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From question to question whether somebody has committed; and until the database is closed when nobody asks any more:
 * a run that ends then can tidy its files up. */
enum { LOOK_MS = 400, IDLE_MS = 5000 };

static int start_daemon(struct server *s, int fd, struct err *e)
{
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, visit_handle, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SERVER_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_URI_LOG_CALLBACK, visit_begin,
        s, MHD_OPTION_NOTIFY_COMPLETED, visit_end, s, MHD_OPTION_END);
    if (!d) {
        close(fd);
        return err_set(e, ERR_INTERNAL, "cannot start the server");
    }
    s->daemons[s->n_daemons++] = d; /* it has the socket now */
    return 0;
}

static int open_server(struct server *s, int port, struct err *e)
{
    int fds[SERVER_SOCKETS], n = 0;
    TRY(listen_loopback(fds, &n, &port, e));
    int code = gate_open(&s->gate, port, e);
    for (int i = 0; i < n; i++) {
        if (code == 0)
            code = start_daemon(s, fds[i], e);
        else
            close(fds[i]);
    }
    return code;
}

/* What the process that reads has said: answers to visitors, and whether somebody has committed. */
static void take_answers(struct server *s)
{
    struct question *q;
    while ((q = page_reader_take(&s->reader))) {
        if (q != &s->look) {
            visit_answered(q->owner);
            continue;
        }
        const int64_t now = q->code < 0 ? -1 : q->version;
        if (now != s->seen && s->seen != 0)
            s->version++;
        s->seen = now;
    }
}

/* Milliseconds until the next thing that is due by the clock. */
static int wait_ms(struct server *s, int64_t now)
{
    int64_t wait = 10000;
    for (size_t i = 0; i < s->n_daemons; i++) {
        unsigned long long of_daemon;
        if (MHD_get_timeout(s->daemons[i], &of_daemon) == MHD_YES && (int64_t)of_daemon < wait)
            wait = (int64_t)of_daemon;
    }
    if (s->reader.self.fd >= 0)
        wait = wait < 1000 ? wait : 1000; /* an answer may be late, or the reader idle */
    if (s->streams) {
        const int64_t due = s->looked_ms + LOOK_MS - now;
        wait = due < 0 ? 0 : due < wait ? due : wait;
    }
    return (int)wait;
}

static int serve(struct server *s, const struct server_options *o, struct err *e)
{
    while (!o->stopped()) {
        struct pollfd fds[SERVER_SOCKETS + 2] = { { .fd = o->stop_fd, .events = POLLIN },
                                                  { .fd = s->reader.self.fd, .events = POLLIN } };
        nfds_t n = 2;
        for (size_t i = 0; i < s->n_daemons; i++)
            fds[n++] = (struct pollfd){ .fd = MHD_get_daemon_info(s->daemons[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                                        .events = POLLIN };
        if (poll(fds, n, wait_ms(s, visit_now_ms())) < 0 && errno != EINTR)
            return err_set(e, ERR_INTERNAL, "cannot wait for visitors: %s", strerror(errno));
        take_answers(s);
        const int64_t now = visit_now_ms();
        if (s->streams && s->look.done && now - s->looked_ms >= LOOK_MS) {
            s->looked_ms = now;
            page_reader_ask(&s->reader, &s->look);
        }
        visit_tell(s, now);
        if (s->streams || s->reader.n)
            s->used_ms = now;
        else if (s->reader.self.fd >= 0 && now - s->used_ms >= IDLE_MS)
            page_reader_close(&s->reader);
        for (size_t i = 0; i < s->n_daemons; i++)
            if (MHD_run(s->daemons[i]) != MHD_YES)
                return err_set(e, ERR_INTERNAL, "the server failed");
    }
    return 0;
}

static void close_server(struct server *s)
{
    s->stopping = true;
    page_reader_close(&s->reader);
    take_answers(s);
    visit_tell(s, visit_now_ms());
    for (size_t i = 0; i < s->n_daemons; i++) {
        (void)MHD_run(s->daemons[i]); /* what was suspended goes on, to its end */
        MHD_stop_daemon(s->daemons[i]);
    }
    text_free(&s->look.text);
}

int server_run(const struct server_options *o, struct err *e)
{
    char url[128];
    struct server s = { .reader = { .db = o->db, .self.fd = -1 }, .look.done = true, .version = 1 };
    int code = open_server(&s, o->port, e);
    if (code == 0) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/", s.gate.port, s.gate.token);
        code = o->ready(o->self, url, e);
        if (code == 0)
            code = serve(&s, o, e);
    }
    close_server(&s);
    return code;
}
