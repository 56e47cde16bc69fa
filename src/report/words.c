#include "report/words.h"

#include "base/text.h"
#include <stdbool.h>
#include <string.h>

/* Advances of U+0020..U+007E in thousandths of the size. */
static const unsigned short advances[] = {
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838,
};
enum { SUPERSCRIPT = 530, LETTER = 700, WIDE = 1000 }; /* wide: from U+2E80 on, where ideographs are; and stray bytes */

/* The width of the character that s begins with, in thousandths; *n: its bytes. */
static unsigned advance(const char *s, size_t *n)
{
    const unsigned char c = (unsigned char)*s;
    *n = text_utf8_length(s, strlen(s));
    if (*n == 0) {
        *n = 1;
        return WIDE;
    }
    if (*n == 1)
        return c >= 32 && c < 127 ? advances[c - 32] : WIDE;
    if (*n == 2)
        return c == 0xc2 ? 838 : LETTER; /* signs such as the plus-minus */
    if (*n == 3 && c == 0xe2 && (unsigned char)s[1] == 0x81)
        return SUPERSCRIPT; /* U+2040..U+207F */
    return WIDE;
}

double words_width(const char *s, double size)
{
    double sum = 0;
    for (size_t n; *s; s += n)
        sum += advance(s, &n);
    return sum * size / 1000;
}

static const char ellipsis[] = "…";

/* Bytes of s[0..n) that fit into the width; *used: how wide they are. */
static size_t fitting(const char *s, size_t n, double size, double width, double *used)
{
    size_t at = 0, step;
    *used = 0;
    while (at < n) {
        const double next = *used + advance(s + at, &step) * size / 1000;
        if (next > width + 0.01) /* sums round in another order than words_width */
            break;
        *used = next;
        at += step;
    }
    return at;
}

static void put_cut(struct text *t, const char *s, size_t n, double size, double width)
{
    double used;
    if (fitting(s, n, size, width, &used) == n) {
        text_put(t, s, n);
        return;
    }
    text_put(t, s, fitting(s, n, size, width - words_width(ellipsis, size), &used));
    text_puts(t, ellipsis);
}

static char *taken(struct arena *a, struct text *t)
{
    char *s = arena_strdup(a, t->s ? t->s : "");
    text_free(t);
    return s;
}

const char *words_cut(struct arena *a, const char *s, double size, double width)
{
    struct text t = { 0 };
    put_cut(&t, s, strlen(s), size, width);
    return taken(a, &t);
}

char *words_wrap(struct arena *a, const char *s, double size, double width)
{
    struct text t = { 0 };
    double used = 0;
    for (bool first = true; *s; first = false) {
        const size_t n = strcspn(s, " \n");
        char *word = arena_strndup(a, s, n);
        const double wide = words_width(word, size), blank = words_width(" ", size);
        if (!first && used + blank + wide > width) {
            text_putc(&t, '\n');
            used = 0;
        } else if (!first) {
            text_putc(&t, ' ');
            used += blank;
        }
        put_cut(&t, word, n, size, width);
        used += wide;
        s += n + (s[n] != '\0');
    }
    return taken(a, &t);
}

size_t words_lines(const char *s)
{
    size_t n = 1;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}
