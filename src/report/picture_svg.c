#include "report/picture.h"

#include "base/clean.h"
#include <stdio.h>
#include <string.h>

/* "12.5", "12", never "-0". */
static const char *number(double x, char buffer[32])
{
    snprintf(buffer, 32, "%.1f", x);
    const size_t n = strlen(buffer);
    if (n > 2 && !strcmp(buffer + n - 2, ".0"))
        buffer[n - 2] = '\0';
    if (!strcmp(buffer, "-0"))
        strcpy(buffer, "0");
    return buffer;
}

static void attribute(struct text *t, const char *name, double x)
{
    char buffer[32];
    text_add(t, " %s=\"%s\"", name, number(x, buffer));
}

static void group(struct text *t, const char *title, double opacity)
{
    text_puts(t, "<g");
    if (opacity < 1)
        text_add(t, " opacity=\"%.2g\"", opacity);
    text_puts(t, ">");
    if (*title) {
        text_puts(t, "<title>");
        clean_xml(t, title);
        text_puts(t, "</title>");
    }
    text_puts(t, "\n");
}

static void words(struct text *t, const struct picture_item *m, const char *s)
{
    static const char *const anchors[] = { "", " text-anchor=\"middle\"", " text-anchor=\"end\"" };
    char a[32], b[32];
    text_puts(t, "<text");
    if (m->rotated) {
        text_add(t, " transform=\"translate(%s %s) rotate(-90)\"", number(m->x, a), number(m->y, b));
    } else {
        attribute(t, "x", m->x);
        attribute(t, "y", m->y);
    }
    attribute(t, "font-size", m->size);
    text_add(t, " fill=\"%s\"%s>", m->fill, anchors[m->anchor]);
    clean_xml(t, s);
    text_puts(t, "</text>\n");
}

static void stroke(struct text *t, const struct picture_item *m)
{
    text_add(t, " stroke=\"%s\"", m->stroke);
    attribute(t, "stroke-width", m->size);
    if (m->dash)
        text_add(t, " stroke-dasharray=\"%s\"", m->dash);
}

static void line(struct text *t, const struct picture_item *m)
{
    text_puts(t, "<line");
    attribute(t, "x1", m->x);
    attribute(t, "y1", m->y);
    attribute(t, "x2", m->x + m->width);
    attribute(t, "y2", m->y + m->height);
    stroke(t, m);
    text_puts(t, "/>\n");
}

static void rect(struct text *t, const struct picture_item *m)
{
    text_puts(t, "<rect");
    attribute(t, "x", m->x);
    attribute(t, "y", m->y);
    attribute(t, "width", m->width);
    attribute(t, "height", m->height);
    text_add(t, " fill=\"%s\"", *m->fill ? m->fill : "none");
    if (*m->stroke)
        text_add(t, " stroke=\"%s\"", m->stroke);
    text_puts(t, "/>\n");
}

static void cross(struct text *t, const struct picture_item *m)
{
    char a[32], b[32], c[32], d[32];
    number(m->x - m->width, a);
    number(m->x + m->width, b);
    number(m->y - m->height, c);
    number(m->y + m->height, d);
    text_add(t, "<path class=\"cross\" d=\"M%s %sL%s %sM%s %sL%s %s\"", a, c, b, d, a, d, b, c);
    stroke(t, m);
    text_puts(t, "/>\n");
}

static void points(struct text *t, const struct picture *p, const struct picture_item *m)
{
    const struct picture_point *at = picture_points(p, m);
    char a[32], b[32];
    text_add(t, "<%s points=\"", m->kind == PICTURE_AREA ? "polygon" : "polyline");
    for (size_t i = 0; i < m->n_points; i++)
        text_add(t, " %s,%s", number(at[i].x, a), number(at[i].y, b));
    text_puts(t, "\"");
    if (m->kind == PICTURE_AREA) {
        text_add(t, " fill=\"%s\" fill-opacity=\"%.2g\"/>\n", m->fill, m->opacity);
        return;
    }
    text_puts(t, " fill=\"none\"");
    stroke(t, m);
    if (m->opacity < 1)
        text_add(t, " stroke-opacity=\"%.2g\"", m->opacity);
    text_puts(t, " stroke-linecap=\"round\" stroke-linejoin=\"round\"/>\n");
}

void picture_svg(const struct picture *p, struct text *t)
{
    char w[32], h[32];
    text_add(t, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %s %s\"", number(p->width, w),
             number(p->height, h));
    text_add(t, " width=\"%s\" height=\"%s\" font-family=\"Helvetica, Arial, sans-serif\" role=\"img\">\n<title>", w,
             h);
    clean_xml(t, picture_words(p, p->title));
    text_puts(t, "</title>\n<desc>");
    clean_xml(t, picture_words(p, p->description));
    text_puts(t, "</desc>\n");
    const struct picture_item *items = picture_items(p);
    for (size_t i = 0; i < picture_n_items(p); i++) {
        const struct picture_item *m = &items[i];
        switch (m->kind) {
        case PICTURE_GROUP:
            group(t, picture_words(p, m->words), m->opacity);
            break;
        case PICTURE_GROUP_END:
            text_puts(t, "</g>\n");
            break;
        case PICTURE_TEXT:
            words(t, m, picture_words(p, m->words));
            break;
        case PICTURE_LINE:
            line(t, m);
            break;
        case PICTURE_RECT:
            rect(t, m);
            break;
        case PICTURE_CROSS:
            cross(t, m);
            break;
        case PICTURE_PATH:
        case PICTURE_AREA:
            points(t, p, m);
            break;
        }
    }
    text_puts(t, "</svg>\n");
}
