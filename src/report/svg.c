#include "report/svg.h"

#include "base/clean.h"
#include <assert.h>
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

void svg_open(struct text *t, double width, double height, const char *title, const char *description)
{
    char w[32], h[32];
    text_add(t, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %s %s\"", number(width, w), number(height, h));
    text_add(t, " width=\"%s\" height=\"%s\" font-family=\"Helvetica, Arial, sans-serif\" role=\"img\">\n<title>",
             number(width, w), number(height, h));
    clean_xml(t, title);
    text_puts(t, "</title>\n<desc>");
    clean_xml(t, description);
    text_puts(t, "</desc>\n");
    svg_rect(t, 0, 0, width, height, "#ffffff", NULL);
}

void svg_close(struct text *t)
{
    text_puts(t, "</svg>\n");
}

struct svg_size svg_put(struct text *t, const struct text *figure, double x, double y)
{
    static const char head[] = "<svg ";
    struct svg_size size = { 0, 0 };
    const char *box = strstr(figure->s, "viewBox=\"0 0 ");
    assert(!strncmp(figure->s, head, sizeof head - 1) && box); /* svg_open wrote it */
    sscanf(box, "viewBox=\"0 0 %lf %lf\"", &size.width, &size.height);
    text_puts(t, "<svg");
    attribute(t, "x", x);
    attribute(t, "y", y);
    text_put(t, figure->s + sizeof head - 2, figure->n - (sizeof head - 2));
    return size;
}

void svg_group(struct text *t, const char *title)
{
    text_puts(t, "<g><title>");
    clean_xml(t, title);
    text_puts(t, "</title>\n");
}

void svg_group_pale(struct text *t)
{
    text_puts(t, "<g opacity=\"0.45\">\n");
}

void svg_group_end(struct text *t)
{
    text_puts(t, "</g>\n");
}

void svg_text(struct text *t, double x, double y, double size, enum svg_anchor anchor, const char *color, const char *s)
{
    static const char *const anchors[] = { "", " text-anchor=\"middle\"", " text-anchor=\"end\"" };
    text_puts(t, "<text");
    attribute(t, "x", x);
    attribute(t, "y", y);
    attribute(t, "font-size", size);
    text_add(t, " fill=\"%s\"%s>", color, anchors[anchor]);
    clean_xml(t, s);
    text_puts(t, "</text>\n");
}

void svg_text_rotated(struct text *t, double x, double y, double size, const char *color, const char *s)
{
    char a[32], b[32];
    text_add(t, "<text transform=\"translate(%s %s) rotate(-90)\"", number(x, a), number(y, b));
    attribute(t, "font-size", size);
    text_add(t, " fill=\"%s\" text-anchor=\"middle\">", color);
    clean_xml(t, s);
    text_puts(t, "</text>\n");
}

void svg_line(struct text *t, double x0, double y0, double x1, double y1, const char *color, double width,
              const char *dash)
{
    text_puts(t, "<line");
    attribute(t, "x1", x0);
    attribute(t, "y1", y0);
    attribute(t, "x2", x1);
    attribute(t, "y2", y1);
    text_add(t, " stroke=\"%s\"", color);
    attribute(t, "stroke-width", width);
    if (dash)
        text_add(t, " stroke-dasharray=\"%s\"", dash);
    text_puts(t, "/>\n");
}

void svg_rect(struct text *t, double x, double y, double width, double height, const char *fill, const char *stroke)
{
    text_puts(t, "<rect");
    attribute(t, "x", x);
    attribute(t, "y", y);
    attribute(t, "width", width);
    attribute(t, "height", height);
    text_add(t, " fill=\"%s\"", fill ? fill : "none");
    if (stroke)
        text_add(t, " stroke=\"%s\"", stroke);
    text_puts(t, "/>\n");
}

void svg_cross(struct text *t, double x, double y, double r, const char *color, double width)
{
    char a[32], b[32], c[32], d[32];
    number(x - r, a);
    number(x + r, b);
    number(y - r, c);
    number(y + r, d);
    text_add(t, "<path class=\"cross\" d=\"M%s %sL%s %sM%s %sL%s %s\" stroke=\"%s\"", a, c, b, d, a, d, b, c, color);
    attribute(t, "stroke-width", width);
    text_puts(t, "/>\n");
}

void svg_point(struct text *t, double x, double y)
{
    char a[32], b[32];
    text_add(t, " %s,%s", number(x, a), number(y, b));
}

double svg_text_width(const char *s, double size)
{
    return 0.58 * size * (double)clean_width(s);
}
