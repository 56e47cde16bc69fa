#include "report/picture.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static size_t keep(struct picture *p, const char *s)
{
    const size_t at = p->words.n;
    text_put(&p->words, s, strlen(s) + 1);
    return at;
}

static void add(struct picture *p, const struct picture_item *item)
{
    text_put(&p->items, (const char *)item, sizeof *item);
}

static void color(char to[8], const char *from)
{
    if (from)
        memcpy(to, from, strlen(from) < 7 ? strlen(from) : 7);
}

void picture_open(struct picture *p, double width, double height, const char *title, const char *description)
{
    p->width = ceil(width);
    p->height = ceil(height);
    p->title = keep(p, title);
    p->description = keep(p, description);
    picture_rect(p, 0, 0, p->width, p->height, "#ffffff", NULL);
}

void picture_close(struct picture *p)
{
    assert(p->begun == 0); /* each path was ended */
}

void picture_free(struct picture *p)
{
    text_free(&p->items);
    text_free(&p->points);
    text_free(&p->words);
    text_free(&p->series);
    text_free(&p->marks);
}

size_t picture_n_items(const struct picture *p)
{
    return p->items.n / sizeof(struct picture_item);
}

const struct picture_item *picture_items(const struct picture *p)
{
    return (const struct picture_item *)(const void *)p->items.s; /* from malloc: aligned */
}

const struct picture_point *picture_points(const struct picture *p, const struct picture_item *item)
{
    return (const struct picture_point *)(const void *)p->points.s + item->points;
}

const char *picture_words(const struct picture *p, size_t offset)
{
    return p->words.s + offset;
}

void picture_begin_series(struct picture *p, const char *name, const char *ink, const char *const *columns, size_t n)
{
    struct picture_series series = { .name = keep(p, name),
                                     .n_columns = n,
                                     .marks = p->marks.n / sizeof(struct picture_mark) };
    assert(n <= PICTURE_VALUES);
    for (size_t i = 0; i < n; i++)
        series.columns[i] = keep(p, columns[i]);
    color(series.color, ink);
    text_put(&p->series, (const char *)&series, sizeof series);
}

void picture_mark(struct picture *p, double x, double y, const double *values)
{
    struct picture_series *series = (struct picture_series *)(void *)p->series.s + picture_n_series(p) - 1;
    struct picture_mark mark = { .x = x, .y = y };
    memcpy(mark.values, values, series->n_columns * sizeof *values);
    text_put(&p->marks, (const char *)&mark, sizeof mark);
    series->n_marks++;
}

size_t picture_n_series(const struct picture *p)
{
    return p->series.n / sizeof(struct picture_series);
}

const struct picture_series *picture_all_series(const struct picture *p)
{
    return (const struct picture_series *)(const void *)p->series.s;
}

const struct picture_mark *picture_marks(const struct picture *p, const struct picture_series *series)
{
    return (const struct picture_mark *)(const void *)p->marks.s + series->marks;
}

static void put_series(struct picture *p, const struct picture *part, double x, double y)
{
    for (size_t i = 0; i < picture_n_series(part); i++) {
        const struct picture_series *series = &picture_all_series(part)[i];
        const char *columns[PICTURE_VALUES];
        for (size_t k = 0; k < series->n_columns; k++)
            columns[k] = picture_words(part, series->columns[k]);
        picture_begin_series(p, picture_words(part, series->name), series->color, columns, series->n_columns);
        const struct picture_mark *marks = picture_marks(part, series);
        for (size_t k = 0; k < series->n_marks; k++)
            picture_mark(p, marks[k].x + x, marks[k].y + y, marks[k].values);
    }
}

void picture_put(struct picture *p, const struct picture *part, double x, double y)
{
    const struct picture_item *items = picture_items(part);
    picture_group(p, picture_words(part, part->title));
    for (size_t i = 0; i < picture_n_items(part); i++) {
        struct picture_item item = items[i];
        item.x += x;
        item.y += y;
        if (item.kind == PICTURE_TEXT || item.kind == PICTURE_GROUP)
            item.words = keep(p, picture_words(part, items[i].words));
        if (item.n_points) {
            const struct picture_point *points = picture_points(part, &items[i]);
            for (size_t k = 0; k < item.n_points; k++)
                picture_point(p, points[k].x + x, points[k].y + y);
            item.points = p->points.n / sizeof *points - p->begun;
            p->begun = 0;
        }
        add(p, &item);
    }
    picture_group_end(p);
    put_series(p, part, x, y);
}

static void group(struct picture *p, const char *title, double opacity)
{
    add(p, &(struct picture_item){ .kind = PICTURE_GROUP, .words = keep(p, title), .opacity = opacity });
}

void picture_group(struct picture *p, const char *title)
{
    group(p, title, 1);
}

void picture_group_pale(struct picture *p)
{
    group(p, "", 0.45);
}

void picture_group_end(struct picture *p)
{
    add(p, &(struct picture_item){ .kind = PICTURE_GROUP_END });
}

static void put_text(struct picture *p, struct picture_item item, const char *ink, const char *s)
{
    item.kind = PICTURE_TEXT;
    item.words = keep(p, s);
    color(item.fill, ink);
    add(p, &item);
}

void picture_text(struct picture *p, double x, double y, double size, enum picture_anchor anchor, const char *ink,
                  const char *s)
{
    put_text(p, (struct picture_item){ .x = x, .y = y, .size = size, .anchor = anchor }, ink, s);
}

void picture_text_rotated(struct picture *p, double x, double y, double size, const char *ink, const char *s)
{
    put_text(p, (struct picture_item){ .x = x, .y = y, .size = size, .anchor = PICTURE_MIDDLE, .rotated = true }, ink,
             s);
}

void picture_line(struct picture *p, double x0, double y0, double x1, double y1, const char *ink, double width,
                  const char *dash)
{
    struct picture_item item = {
        .kind = PICTURE_LINE, .x = x0, .y = y0, .width = x1 - x0, .height = y1 - y0, .size = width, .dash = dash
    };
    color(item.stroke, ink);
    add(p, &item);
}

void picture_rect(struct picture *p, double x, double y, double width, double height, const char *fill,
                  const char *stroke)
{
    struct picture_item item = { .kind = PICTURE_RECT, .x = x, .y = y, .width = width, .height = height, .size = 1 };
    color(item.fill, fill);
    color(item.stroke, stroke);
    add(p, &item);
}

void picture_cross(struct picture *p, double x, double y, double r, const char *ink, double width)
{
    struct picture_item item = { .kind = PICTURE_CROSS, .x = x, .y = y, .width = r, .height = r, .size = width };
    color(item.stroke, ink);
    add(p, &item);
}

void picture_point(struct picture *p, double x, double y)
{
    text_put(&p->points, (const char *)&(struct picture_point){ x, y }, sizeof(struct picture_point));
    p->begun++;
}

static void end_points(struct picture *p, struct picture_item item)
{
    item.n_points = p->begun;
    item.points = p->points.n / sizeof(struct picture_point) - p->begun;
    if (p->begun)
        add(p, &item);
    p->begun = 0;
}

void picture_path(struct picture *p, const char *ink, double width, const char *dash, double opacity)
{
    struct picture_item item = { .kind = PICTURE_PATH, .size = width, .dash = dash, .opacity = opacity };
    color(item.stroke, ink);
    end_points(p, item);
}

void picture_area(struct picture *p, const char *ink, double opacity)
{
    struct picture_item item = { .kind = PICTURE_AREA, .opacity = opacity };
    color(item.fill, ink);
    end_points(p, item);
}

int picture_format_of(const char *path, enum picture_format *format, struct err *e)
{
    static const char *const ends[] = { [PICTURE_SVG] = "svg", [PICTURE_PDF] = "pdf", [PICTURE_PNG] = "png" };
    const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
    const char *dot = name ? strrchr(name, '.') : NULL;
    *format = PICTURE_SVG;
    if (!path || !strcmp(path, "-"))
        return 0;
    for (size_t i = 0; dot && i < sizeof ends / sizeof ends[0]; i++)
        if (!strcasecmp(dot + 1, ends[i])) {
            *format = (enum picture_format)i;
            return 0;
        }
    return dot && dot[1]
               ? err_set(e, ERR_USAGE, "%s: '%s' is no form of a figure that can be written; .svg, .pdf and .png are",
                         path, dot)
               : err_set(e, ERR_USAGE,
                         "%s: a figure's file tells by the end of its name what it is: .svg, .pdf or .png", path);
}

int picture_write(const struct picture *p, enum picture_format format, struct text *out, struct err *e)
{
    if (format == PICTURE_PDF)
        return picture_pdf(p, out, e);
    if (format == PICTURE_PNG)
        return picture_png(p, out, e);
    picture_svg(p, out);
    return 0;
}
