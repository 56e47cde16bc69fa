#include "base/terminal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_width(int fd)
{
    enum { LEAST = 20, MOST = 10000 };
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    int64_t n = 0;
    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        n = size.ws_col;
    else if (columns && text_to_int(columns, strlen(columns), &n) < 0)
        n = 0;
    return n <= 0 || n > MOST ? 0 : n < LEAST ? LEAST : (int)n;
}

bool terminal_is_live(int fd)
{
    const char *terminal = getenv("TERM");
    return isatty(fd) && !(terminal && strcmp(terminal, "dumb") == 0);
}

bool terminal_reader_left(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

/* Bytes of a control sequence at s, 0 if there is none. */
static size_t sequence(const char *s)
{
    if (s[0] != '\033' || s[1] != '[')
        return 0;
    const size_t n = 2 + strspn(s + 2, "0123456789;");
    return s[n] ? n + 1 : 0;
}

size_t terminal_take(const char *s, size_t columns)
{
    size_t at = 0, blank = 0, joint = 0;
    for (size_t column = 0; s[at];) {
        const size_t skip = sequence(s + at);
        if (skip) {
            at += skip;
            continue;
        }
        if (column == columns)
            return s[at] == ' ' ? at : blank ? blank : joint ? joint : at;
        if (strchr("_,/", s[at]))
            joint = at + 1;
        blank = s[at] == ' ' && column > 0 ? at : blank;
        const size_t n = text_utf8_length(s + at, strlen(s + at));
        at += n ? n : 1;
        column++;
    }
    return at;
}
