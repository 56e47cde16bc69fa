/* Inside of the server: one request, from its first line to the end of its answer. */
#ifndef TPRUN_SERVE_VISIT_H
#define TPRUN_SERVE_VISIT_H

#include "serve/gate.h"
#include "serve/listen.h"
#include "serve/reader.h"
#include <microhttpd.h>

/* More connections than that wait to be accepted; one that says nothing for so long is closed; and what a request's
 * headers may take. Silent visitors cost a connection each, so there are many. */
enum { SERVER_CONNECTIONS = 256, SERVER_SECONDS = 5, SERVER_MEMORY = 32 << 10 };

struct visit;
struct server {
    struct gate gate;
    struct page_reader reader;
    struct question look; /* has somebody committed? */
    int64_t looked_ms;    /* when it was asked last */
    int64_t used_ms;      /* when the process that reads was last of use */
    int64_t seen;         /* what it said; 0: nothing yet, -1: the database cannot be read */
    int64_t version;      /* what visitors are told: another number when there is something new */
    struct visit *streams;
    struct MHD_Daemon *daemons[SERVER_SOCKETS];
    size_t n_daemons;
    bool stopping;
};

int64_t visit_now_ms(void);
/* Callbacks of the daemon. */
void *visit_begin(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result visit_handle(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *upload, size_t *upload_size, void **visit);
void visit_end(void *server, struct MHD_Connection *connection, void **visit, enum MHD_RequestTerminationCode how);
/* The answer is there. */
void visit_answered(struct visit *v);
/* Wakes the streams that have something to be told: a new version, that the server is still there, or its end. */
void visit_tell(struct server *s, int64_t now_ms);

#endif
