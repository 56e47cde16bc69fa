#include "cli/fold.h"

#include "base/terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fold {
    FILE *out;
    size_t width;
    struct text line, folded;
};

static void put_folded(struct fold *f)
{
    const char *s = f->line.s;
    const size_t indent = strspn(s, " "), deeper = indent + 2 < f->width / 3 ? indent + 2 : f->width / 3;
    size_t room = f->width;
    for (bool first = true;; first = false) {
        const size_t n = terminal_take(s, room);
        if (!first)
            text_add(&f->folded, "%*s", (int)deeper, "");
        text_put(&f->folded, s, n);
        s += n;
        text_putc(&f->folded, '\n');
        s += *s ? strspn(s, " ") : 0;
        if (!*s)
            break;
        room = f->width - deeper;
    }
    text_clear(&f->line);
}

static ssize_t on_write(void *cookie, const char *bytes, size_t n)
{
    struct fold *f = cookie;
    text_clear(&f->folded);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] == '\n') {
            text_puts(&f->line, "");
            put_folded(f);
        } else {
            text_putc(&f->line, bytes[i]);
        }
    const bool written =
        f->folded.n == 0 || (fwrite(f->folded.s, 1, f->folded.n, f->out) == f->folded.n && fflush(f->out) == 0);
    return written ? (ssize_t)n : 0;
}

static int on_close(void *cookie)
{
    struct fold *f = cookie;
    text_clear(&f->folded);
    if (f->line.n > 0) { /* without a line feed, as it came */
        put_folded(f);
        fwrite(f->folded.s, 1, f->folded.n - 1, f->out);
    }
    text_free(&f->line);
    text_free(&f->folded);
    const bool failed = ferror(f->out);
    const int code = fclose(f->out);
    free(f);
    return failed ? EOF : code;
}

void fold_stdout(int width)
{
    struct fold *f = calloc(1, sizeof *f);
    FILE *folding = f ? fopencookie(f, "w", (cookie_io_functions_t){ .write = on_write, .close = on_close }) : NULL;
    if (!folding) {
        free(f);
        return;
    }
    f->out = stdout;
    f->width = (size_t)width;
    stdout = folding;
}
