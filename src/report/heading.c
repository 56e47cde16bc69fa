#include "report/heading.h"

#include "report/words.h"
#include <string.h>

#define LINE 1.3 /* from base line to base line, in sizes */

const char *heading_title(const struct subject *s)
{
    return *s->title ? s->title : s->name;
}

const char *heading_shorter(struct arena *a, size_t n)
{
    return n == 0   ? ""
           : n == 1 ? "; 1 trial has fewer steps than others of its cell"
                    : arena_printf(a, "; %zu trials have fewer steps than others of their cell", n);
}

struct heading heading_make(struct arena *a, const struct subject *s, const char *remark, double width,
                            const struct look *look)
{
    const char *under = arena_printf(a, "%s%s%s%s%s", s->paper, *s->paper && *s->locator ? ", " : "", s->locator,
                                     (*s->paper || *s->locator) && *remark ? " · " : "", remark);
    struct heading h = { .title = words_wrap(a, heading_title(s), look_title(look), width),
                         .under = words_wrap(a, under, look_font(look), width) };
    h.height = 8 +
               LINE * (look_title(look) * (double)words_lines(h.title) +
                       look_font(look) * (double)(*h.under ? words_lines(h.under) : 0)) +
               8;
    return h;
}

double heading_lines(struct picture *out, double x, double y, double size, const char *color, const char *lines)
{
    struct text line = { 0 };
    for (;;) {
        const size_t n = strcspn(lines, "\n");
        text_clear(&line);
        text_put(&line, lines, n);
        picture_text(out, x, y, size, PICTURE_START, color, n ? line.s : "");
        y += LINE * size;
        if (!lines[n])
            break;
        lines += n + 1;
    }
    text_free(&line);
    return y;
}

void heading_draw(struct picture *out, const struct heading *h, double x, const struct look *look)
{
    const double y = heading_lines(out, x, 6 + look_title(look), look_title(look), PICTURE_INK, h->title);
    if (*h->under)
        heading_lines(out, x, y - look_title(look) + look_font(look), look_font(look), PICTURE_SOFT, h->under);
}
