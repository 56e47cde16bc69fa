/* Who is let in: a browser on this machine that was given the URL. Other users of the machine reach its loopback too,
 * and so do pages of other sites in the same browser; neither knows the token, and of a page the browser tells where it
 * came from. */
#ifndef TPRUN_SERVE_GATE_H
#define TPRUN_SERVE_GATE_H

#include "base/err.h"
#include <stddef.h>

enum { GATE_TOKEN = 32 };
struct gate {
    char token[GATE_TOKEN + 1]; /* hexadecimal digits, drawn anew at each start */
    int port;
};
/* What a request says. */
struct knock {
    const char *method, *uri; /* uri: as it was sent, undecoded */
    size_t n_hosts;           /* headers Host; a second one is a trap */
    const char *host;
    const char *origin, *site; /* Origin, Sec-Fetch-Site; NULL: not sent */
};

int gate_open(struct gate *g, int port, struct err *e);
/* 0: let in, and *rest is what follows "/TOKEN/"; else the HTTP status, and *why in a sentence. */
int gate_check(const struct gate *g, const struct knock *k, const char **rest, const char **why);

#endif
