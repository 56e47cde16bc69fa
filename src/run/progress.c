#include "run/progress.h"

#include "base/clean.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Standard error is unbuffered: one write(2) per picture. Nobody can be told that writing to it failed. */
static void show(const char *s, size_t n)
{
    while (n > 0) {
        const ssize_t written = write(STDERR_FILENO, s, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        s += written;
        n -= (size_t)written;
    }
}

void progress_init(struct progress *p, bool live, bool color, bool quiet)
{
    *p = (struct progress){ .live = live && !quiet, .color = color, .quiet = quiet };
}

/* Moves to the first line of the block; what follows overwrites it. */
static void rewind_block(const struct progress *p, struct text *out)
{
    if (p->drawn)
        text_add(out, "\r\033[%zuA", p->drawn);
}

/* Removes the block from the screen. */
static void progress_clear(struct progress *p)
{
    if (!p->drawn)
        return;
    struct text t = { 0 };
    rewind_block(p, &t);
    text_puts(&t, "\033[J");
    show(t.s, t.n);
    text_free(&t);
    p->drawn = 0;
}

void progress_say(struct progress *p, const char *format, ...)
{
    if (p->quiet)
        return;
    char line[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args); /* a cut line is still a line */
    va_end(args);
    struct text t = { 0 };
    rewind_block(p, &t);
    clean_terminal(&t, line, strlen(line)); /* it names a study, a variant, a reason: texts of others */
    text_puts(&t, p->drawn ? "\033[K\n" : "\n");
    if (p->drawn && p->block.n) /* the block again, one line lower */
        text_put(&t, p->block.s, p->block.n);
    show(t.s, t.n);
    text_free(&t);
}

void progress_begin(struct progress *p)
{
    struct winsize size;
    p->width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    text_clear(&p->block);
    p->n_lines = 0;
}

/* Cuts at the terminal's width, between characters: a line that wrapped would spoil the count of lines. */
static size_t fit(const char *s, int width)
{
    size_t i = 0;
    for (int column = 0; s[i]; column += ((unsigned char)s[i] & 0xc0) != 0x80, i++)
        if (column >= width && ((unsigned char)s[i] & 0xc0) != 0x80)
            break;
    return i;
}

void progress_line(struct progress *p, bool bold, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const bool painted = bold && p->color && p->live;
    text_puts(&p->block, painted ? "\033[1m" : "");
    struct text clean = { 0 };
    clean_terminal(&clean, line, strlen(line));
    text_put(&p->block, clean.s, fit(clean.s, p->width - 1));
    text_free(&clean);
    text_puts(&p->block, painted ? "\033[0m" : "");
    text_puts(&p->block, p->live ? "\033[K\n" : "\n");
    p->n_lines++;
}

void progress_end(struct progress *p)
{
    if (!p->live)
        return;
    struct text t = { 0 };
    rewind_block(p, &t);
    text_put(&t, p->block.s, p->block.n);
    text_puts(&t, "\033[J");
    show(t.s, t.n);
    text_free(&t);
    p->drawn = p->n_lines;
}

enum { LARGE_STUDY = 2000 }; /* trials; a smaller one is queued in a blink */

void progress_announce(struct progress *p, const char *study, uint64_t n)
{
    if (n >= LARGE_STUDY && !p->live)
        progress_say(p, "tprun: %s: %" PRIu64 " trials are checked and queued", study, n);
}

void progress_queueing(struct progress *p, const char *study, uint64_t n, const char *doing, uint64_t done)
{
    struct timespec t;
    if (n < LARGE_STUDY || !p->live)
        return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const int64_t now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    if (now - p->queueing_ns < 100 * 1000 * 1000)
        return;
    p->queueing_ns = now;
    progress_begin(p);
    progress_line(p, true, "%s: %" PRIu64 " trials, %s %" PRIu64, study, n, doing, done);
    progress_end(p);
}

void progress_finish(struct progress *p)
{
    progress_clear(p);
    text_free(&p->block);
}

const char *progress_count(double n, char *buffer, size_t size)
{
    if (n < 1e4)
        snprintf(buffer, size, "%.0f", n);
    else if (n < 1e6)
        snprintf(buffer, size, "%.3g k", n / 1e3);
    else if (n < 1e9)
        snprintf(buffer, size, "%.3g M", n / 1e6);
    else
        snprintf(buffer, size, "%.3g G", n / 1e9);
    return buffer;
}
