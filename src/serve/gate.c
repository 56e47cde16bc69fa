#include "serve/gate.h"

#include <errno.h>
#include <nettle/memops.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

int gate_open(struct gate *g, int port, struct err *e)
{
    unsigned char bytes[GATE_TOKEN / 2];
    ssize_t n;
    do
        n = getrandom(bytes, sizeof bytes, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof bytes)
        return err_set(e, ERR_INTERNAL, "no random numbers for the token of the page: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(g->token + 2 * i, 3, "%02x", bytes[i]);
    g->port = port;
    return 0;
}

/* One of ours with our port, as browsers write it. */
static bool is_ours(const struct gate *g, const char *host, const char *before)
{
    char name[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s%s:%d", before, names[i], g->port);
        if (!strcasecmp(host, name))
            return true;
    }
    return false;
}

int gate_check(const struct gate *g, const struct knock *k, const char **rest, const char **why)
{
    *rest = "";
    if (k->n_hosts != 1 || !k->host || !is_ours(g, k->host, "")) {
        *why = "The name of this server is another one.";
        return 421;
    }
    if (strcmp(k->method, "GET") != 0 && strcmp(k->method, "HEAD") != 0) {
        *why = "This server only shows: GET and HEAD.";
        return 405;
    }
    if ((k->origin && !is_ours(g, k->origin, "http://")) ||
        (k->site && strcmp(k->site, "same-origin") != 0 && strcmp(k->site, "none") != 0)) {
        *why = "The page of another site asks.";
        return 403;
    }
    if (k->uri[0] != '/' || strnlen(k->uri, GATE_TOKEN + 2) < GATE_TOKEN + 2 || k->uri[GATE_TOKEN + 1] != '/' ||
        !memeql_sec(k->uri + 1, g->token, GATE_TOKEN)) {
        *why = "Open the URL that `tprun serve` printed: it has a token, which is another one after each start.";
        return 403;
    }
    *rest = k->uri + GATE_TOKEN + 2;
    return 0;
}
