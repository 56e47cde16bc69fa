#include "cli/watch.h"

#include "base/terminal.h"
#include "base/text.h"
#include "run/signals.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LOOK_MS = 500 };

/* What it prints, as it would stand on standard output: tables look at that for their width. */
static int capture(const struct watch *w, struct text *block, struct err *e)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = stdout, *memory = open_memstream(&bytes, &size);
    if (!memory)
        return err_set(e, ERR_MEMORY, "out of memory");
    stdout = memory;
    int code = w->print(w->self, e);
    stdout = out;
    if (fclose(memory) != 0 && code == 0)
        code = err_set(e, ERR_MEMORY, "out of memory");
    text_clear(block);
    text_put(block, bytes ? bytes : "", bytes ? size : 0);
    free(bytes);
    return code;
}

/* Lines that the terminal can go back over. */
static size_t room(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? (size_t)size.ws_row - 1 : 23;
}

static size_t count_lines(const char *s)
{
    size_t n = 0;
    for (; (s = strchr(s, '\n')); s++)
        n++;
    return n;
}

/* The block over the one of *drawn lines that is there. Each line ends with its line feed, as folding (fold.h) wants:
 * the last one clears what is below it. */
static void draw_in_place(const char *block, size_t *drawn)
{
    const size_t most = room(), n = count_lines(block), shown = n <= most ? n : most;
    if (*drawn)
        printf("\033[%zuF", *drawn);
    for (size_t i = 0; i < shown; i++) {
        const char *clear = i + 1 < shown ? "K" : "J";
        const size_t length = strcspn(block, "\n");
        if (i + 1 == most && n > most)
            printf("... and %zu more lines\033[%s\n", n - most + 1, clear);
        else
            printf("%.*s\033[%s\n", (int)length, block, clear);
        block += length + 1;
    }
    *drawn = shown;
    fflush(stdout); /* a failure is told at the end */
}

/* A commit that changes nothing of what is shown adds nothing to a log. */
static void draw_below(const char *block, struct text *shown)
{
    if (shown->n && strcmp(shown->s, block) == 0)
        return;
    printf("%s%s", shown->n ? "\n" : "", block);
    fflush(stdout);
    text_clear(shown);
    text_puts(shown, block);
}

/* block, shown: for its use; given back by the caller. */
static int follow(const struct watch *w, struct text *block, struct text *shown, struct err *e)
{
    const bool live = terminal_is_live(STDOUT_FILENO);
    int64_t version, seen;
    size_t drawn = 0;
    bool more = true;
    TRY(query_version(w->q, &version, e));
    for (seen = version;; seen = version) {
        TRY(capture(w, block, e));
        if (live)
            draw_in_place(block->s, &drawn);
        else
            draw_below(block->s, shown);
        TRY(w->goes_on(w->self, &more, e));
        while (more && version == seen) {
            struct pollfd p = { .fd = signals_fd(), .events = POLLIN };
            if (poll(&p, 1, LOOK_MS) < 0 && errno != EINTR)
                return err_set(e, ERR_INTERNAL, "cannot wait: %s", strerror(errno));
            signals_take();
            if (signals_stops() > 0 || terminal_reader_left(STDOUT_FILENO))
                return 0;
            TRY(query_check_place(w->q, e));
            TRY(query_version(w->q, &version, e));
        }
        if (!more)
            return 0;
    }
}

int watch_run(const struct watch *w, struct err *e)
{
    struct text block = { 0 }, shown = { 0 };
    TRY(signals_open(e));
    signals_attend(true);
    const int code = follow(w, &block, &shown, e);
    signals_attend(false);
    text_free(&block);
    text_free(&shown);
    return code;
}
