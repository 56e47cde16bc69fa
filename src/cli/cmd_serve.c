#include "cli/cli.h"

#include "run/signals.h"
#include "serve/server.h"
#include <errno.h>
#include <string.h>

enum { USUAL_PORT = 8787 };

struct serve_choice {
    struct cli_int port;
};
static const struct cli_option options[] = {
    { "port", 0, CLI_INT, "N", offsetof(struct serve_choice, port), 0, 65535,
      .help = "the port to listen at (default: 8787); 0: a free one" },
    { 0 },
};

static bool stopped(void)
{
    signals_take();
    return signals_stops() > 0;
}

/* On standard output, and at once: whoever started this reads it to know where to go. */
static int ready(void *cli, const char *url, struct err *e)
{
    const struct cli *c = cli;
    if (printf("%s\n", url) < 0 || fflush(stdout) != 0)
        return err_set(e, ERR_IO, "cannot write the URL: %s", strerror(errno));
    if (!c->quiet)
        fputs("tprun: serving to this machine alone, until ctrl-C; the URL is a key: give it to nobody\n", stderr);
    return 0;
}

static int run(const struct cli *c, const void *own)
{
    const struct serve_choice *choice = own;
    struct err e = { 0 };
    struct query *q;
    int code = query_open(&q, c->db, &e); /* what is wrong with it is told here, and not on the page */
    if (code == 0) {
        query_close(q);
        code = signals_open(&e);
    }
    if (code == 0) {
        signals_attend(true);
        const struct server_options o = { .db = c->db,
                                          .port = choice->port.given ? (int)choice->port.value : USUAL_PORT,
                                          .stop_fd = signals_fd(),
                                          .stopped = stopped,
                                          .ready = ready,
                                          .self = (void *)(uintptr_t)c };
        code = server_run(&o, &e);
    }
    return cli_fail(c, code, &e);
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Show the database in a browser, and follow a run",
    .help = "Prints a URL to open on this machine: studies, progress, trials, figures, claims and costs. What a\n"
            "run commits appears by itself. The URL has a token that is drawn at each start; nothing else is\n"
            "answered, and nothing can be changed. From another machine: ssh -L 8787:127.0.0.1:8787 HOST.\n"
            "Ends at ctrl-C.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .own = options,
    .own_size = sizeof(struct serve_choice),
    .run = run,
};
