#include "serve/visit.h"

#include "serve/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ALIVE_MS = 15000 /* a stream is never silent for longer */ };

struct visit {
    struct server *server;
    struct MHD_Connection *connection;
    char *uri; /* NULL: there was no memory */
    bool let_in, asks, suspended;
    struct question question;
    int64_t told, told_ms; /* of a stream: the version, and when */
    struct visit *next;    /* of a stream */
};

int64_t visit_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void *visit_begin(void *server, const char *uri, struct MHD_Connection *connection)
{
    struct visit *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    *v = (struct visit){ .server = server, .connection = connection, .uri = strdup(uri) };
    return v;
}

void visit_end(void *server, struct MHD_Connection *connection, void **visit, enum MHD_RequestTerminationCode how)
{
    struct server *s = server;
    struct visit *v = *visit;
    (void)connection;
    (void)how;
    if (!v)
        return;
    for (struct visit **at = &s->streams; *at; at = &(*at)->next)
        if (*at == v) {
            *at = v->next;
            break;
        }
    text_free(&v->question.text);
    free(v->uri);
    free(v);
    *visit = NULL;
}

/* Nothing is loaded from elsewhere, nothing is told to others, nobody shows the page inside of another one. */
static const char *const headers[][2] = {
    { "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                                 "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cache-Control", "no-store" },
};

static enum MHD_Result reply(struct MHD_Connection *c, int status, const char *type, struct MHD_Response *r)
{
    if (!r)
        return MHD_NO;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        MHD_add_response_header(r, headers[i][0], headers[i][1]);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const enum MHD_Result result = MHD_queue_response(c, (unsigned)status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result reply_static(struct MHD_Connection *c, int status, const char *type, const char *bytes)
{
    return reply(c, status, type,
                 MHD_create_response_from_buffer(strlen(bytes), (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result reply_text(struct MHD_Connection *c, int status, const char *type, struct text *t)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(t->n, t->s, MHD_RESPMEM_MUST_FREE);
    if (r)
        *t = (struct text){ 0 };
    return reply(c, status, type, r);
}

static enum MHD_Result count_host(void *knock, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct knock *k = knock;
    (void)kind;
    if (!strcasecmp(key, MHD_HTTP_HEADER_HOST)) {
        k->n_hosts++;
        k->host = value;
    }
    return MHD_YES;
}

/* The server has to do with the process that reads; the visitor only with what it said. */
static enum MHD_Result reply_answer(struct visit *v)
{
    struct question *q = &v->question;
    if (q->code == 0)
        return reply_text(v->connection, MHD_HTTP_OK, "application/json; charset=utf-8", &q->text);
    struct text json = { 0 };
    text_puts(&json, "{\"error\": ");
    text_json_string(&json, q->text.s, q->text.n);
    text_puts(&json, "}\n");
    const int status = q->code == ERR_USAGE ? MHD_HTTP_NOT_FOUND : MHD_HTTP_SERVICE_UNAVAILABLE;
    const enum MHD_Result result = reply_text(v->connection, status, "application/json; charset=utf-8", &json);
    text_free(&json);
    return result;
}

static ssize_t read_stream(void *visit, uint64_t position, char *out, size_t most)
{
    struct visit *v = visit;
    struct server *s = v->server;
    const int64_t now = visit_now_ms();
    (void)position;
    if (s->stopping)
        return MHD_CONTENT_READER_END_OF_STREAM;
    const bool news = v->told != s->version;
    if (!news && now - v->told_ms < ALIVE_MS) {
        v->suspended = true;
        MHD_suspend_connection(v->connection);
        return 0;
    }
    const int n = snprintf(out, most, "%sid: %lld\ndata: %lld\n\n", news ? "" : "event: alive\n", (long long)s->version,
                           (long long)s->version);
    v->told = s->version;
    v->told_ms = now;
    return n;
}

static enum MHD_Result begin_stream(struct visit *v)
{
    v->next = v->server->streams;
    v->server->streams = v;
    MHD_set_connection_option(v->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U); /* it may be silent */
    return reply(v->connection, MHD_HTTP_OK, "text/event-stream",
                 MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, read_stream, v, NULL));
}

static enum MHD_Result answer(struct visit *v, const char *method, const char *rest)
{
    const struct page_resource *r = page_find(rest);
    if (r)
        return reply_static(v->connection, MHD_HTTP_OK, r->type, r->bytes);
    if (!strcmp(rest, "events"))
        return strcmp(method, "GET") == 0 ? begin_stream(v)
                                          : reply_static(v->connection, MHD_HTTP_OK, "text/event-stream", "");
    if (strncmp(rest, "view/", 5) != 0)
        return reply_static(v->connection, MHD_HTTP_NOT_FOUND, "text/plain; charset=utf-8",
                            "There is nothing of this name.\n");
    v->asks = true;
    v->question.request = v->uri + (rest - v->uri) + 5;
    v->question.owner = v;
    page_reader_ask(&v->server->reader, &v->question);
    if (v->question.done)
        return reply_answer(v);
    v->suspended = true;
    MHD_suspend_connection(v->connection);
    return MHD_YES;
}

/* The answer to the header, once it is whole, unless there is none; and what follows the token. */
static int refusal(struct visit *v, const char *method, const char **rest, const char **why)
{
    struct MHD_Connection *c = v->connection;
    struct knock k = { .method = method,
                       .uri = v->uri,
                       .origin = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN),
                       .site = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site") };
    MHD_get_connection_values(c, MHD_HEADER_KIND, count_host, &k);
    return gate_check(&v->server->gate, &k, rest, why);
}

/* Called with the header, then with each part of a body, then at the end; and again when it goes on after it was
 * suspended. An answer at the first call would close the connection, as is right where the visitor is not let in. */
enum MHD_Result visit_handle(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *upload, size_t *upload_size, void **visit)
{
    struct visit *v = *visit;
    const char *rest, *why;
    (void)server;
    (void)url;
    (void)version;
    (void)upload;
    if (!v || !v->uri)
        return MHD_NO;
    if (v->asks)
        return v->question.done ? reply_answer(v) : MHD_NO;
    const int status = refusal(v, method, &rest, &why);
    if (status)
        return reply_static(connection, status, "text/plain; charset=utf-8", why);
    if (!v->let_in || *upload_size) {
        v->let_in = true;
        *upload_size = 0; /* nobody reads a body */
        return MHD_YES;
    }
    return answer(v, method, rest);
}

void visit_answered(struct visit *v)
{
    v->suspended = false;
    MHD_resume_connection(v->connection);
}

void visit_tell(struct server *s, int64_t now_ms)
{
    for (struct visit *v = s->streams; v; v = v->next)
        if (v->suspended && (s->stopping || v->told != s->version || now_ms - v->told_ms >= ALIVE_MS))
            visit_answered(v);
}
