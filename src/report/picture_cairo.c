#include "report/picture.h"

#include "base/clean.h"
#include <cairo-pdf.h>
#include <cairo.h>
#include <stdio.h>
#include <string.h>

#define POINTS 0.75 /* of a pixel */
#define DOTS 3.0
enum { MAX_DOTS = 30000 }; /* of a side; cairo's images end at 32767 */

/* "#rrggbb" */
static void source(cairo_t *c, const char *color, double opacity)
{
    unsigned r = 0, g = 0, b = 0;
    sscanf(color, "#%2x%2x%2x", &r, &g, &b);
    cairo_set_source_rgba(c, r / 255.0, g / 255.0, b / 255.0, opacity);
}

/* "7 4" */
static void dash(cairo_t *c, const char *lengths)
{
    enum { MOST = 6 };
    double list[MOST];
    int n = 0, used;
    for (; lengths && n < MOST && sscanf(lengths, "%lf%n", &list[n], &used) == 1; n++)
        lengths += used;
    cairo_set_dash(c, list, n, 0);
}

static void stroke(cairo_t *c, const struct picture_item *m, double opacity)
{
    source(c, m->stroke, opacity);
    cairo_set_line_width(c, m->size);
    dash(c, m->dash);
    cairo_stroke(c);
}

static void words(cairo_t *c, const struct picture_item *m, const char *s)
{
    struct text t = { 0 };
    cairo_text_extents_t size;
    clean_terminal(&t, s, strlen(s)); /* cairo refuses what is no UTF-8 */
    cairo_save(c);
    cairo_translate(c, m->x, m->y);
    if (m->rotated)
        cairo_rotate(c, -1.57079632679489661923);
    cairo_set_font_size(c, m->size);
    cairo_text_extents(c, t.s ? t.s : "", &size);
    source(c, m->fill, 1);
    cairo_move_to(c,
                  m->anchor == PICTURE_END      ? -size.x_advance
                  : m->anchor == PICTURE_MIDDLE ? -size.x_advance / 2
                                                : 0,
                  0);
    cairo_show_text(c, t.s ? t.s : "");
    cairo_restore(c);
    text_free(&t);
}

static void rect(cairo_t *c, const struct picture_item *m)
{
    cairo_rectangle(c, m->x, m->y, m->width, m->height);
    if (*m->fill) {
        source(c, m->fill, 1);
        cairo_fill_preserve(c);
    }
    if (*m->stroke)
        stroke(c, m, 1);
}

static void line(cairo_t *c, const struct picture_item *m)
{
    const bool cross = m->kind == PICTURE_CROSS;
    cairo_move_to(c, cross ? m->x - m->width : m->x, cross ? m->y - m->height : m->y);
    cairo_line_to(c, m->x + m->width, m->y + m->height);
    if (cross) {
        cairo_move_to(c, m->x - m->width, m->y + m->height);
        cairo_line_to(c, m->x + m->width, m->y - m->height);
    }
    stroke(c, m, 1);
}

static void points(cairo_t *c, const struct picture *p, const struct picture_item *m)
{
    const struct picture_point *at = picture_points(p, m);
    for (size_t i = 0; i < m->n_points; i++)
        cairo_line_to(c, at[i].x, at[i].y);
    if (m->kind == PICTURE_AREA) {
        source(c, m->fill, m->opacity);
        cairo_fill(c);
        return;
    }
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND); /* a line of one point is a dot */
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    stroke(c, m, m->opacity);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_BUTT);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_MITER);
}

static void draw_item(cairo_t *c, const struct picture *p, const struct picture_item *m)
{
    cairo_new_path(c); /* or a line would begin where a text ended */
    switch (m->kind) {
    case PICTURE_GROUP:
    case PICTURE_GROUP_END:
        break;
    case PICTURE_TEXT:
        words(c, m, picture_words(p, m->words));
        break;
    case PICTURE_LINE:
    case PICTURE_CROSS:
        line(c, m);
        break;
    case PICTURE_RECT:
        rect(c, m);
        break;
    case PICTURE_PATH:
    case PICTURE_AREA:
        points(c, p, m);
        break;
    }
}

/* Groups that are pale are painted apart first, or what lies over each other in them would show. */
static void draw(cairo_t *c, const struct picture *p)
{
    enum { DEEPEST = 16 };
    const struct picture_item *items = picture_items(p);
    double opacity[DEEPEST] = { 0 };
    size_t depth = 0;
    /* It has all the signs of a figure; cairo takes none from another font. */
    cairo_select_font_face(c, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    for (size_t i = 0; i < picture_n_items(p); i++) {
        draw_item(c, p, &items[i]);
        if (items[i].kind == PICTURE_GROUP) {
            opacity[depth % DEEPEST] = items[i].opacity;
            if (items[i].opacity < 1)
                cairo_push_group(c);
            depth++;
        } else if (items[i].kind == PICTURE_GROUP_END) {
            depth--;
            if (opacity[depth % DEEPEST] < 1) {
                cairo_pop_group_to_source(c);
                cairo_paint_with_alpha(c, opacity[depth % DEEPEST]);
            }
        }
    }
}

static cairo_status_t receive(void *out, const unsigned char *bytes, unsigned n)
{
    text_put(out, (const char *)bytes, n);
    return CAIRO_STATUS_SUCCESS;
}

/* Draws on the surface and drops it; what went wrong on the way is known at the end. */
static int render(cairo_surface_t *surface, const struct picture *p, double scale, struct text *png, struct err *e)
{
    cairo_t *c = cairo_create(surface);
    cairo_scale(c, scale, scale);
    draw(c, p);
    cairo_status_t status = cairo_status(c);
    cairo_destroy(c);
    if (status == CAIRO_STATUS_SUCCESS && png)
        status = cairo_surface_write_to_png_stream(surface, receive, png);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    return status == CAIRO_STATUS_SUCCESS
               ? 0
               : err_set(e, ERR_IO, "cannot draw the figure: %s", cairo_status_to_string(status));
}

static void describe(cairo_surface_t *pdf, cairo_pdf_metadata_t what, const char *s)
{
    struct text t = { 0 };
    clean_terminal(&t, s, strlen(s));
    cairo_pdf_surface_set_metadata(pdf, what, t.s ? t.s : "");
    text_free(&t);
}

int picture_pdf(const struct picture *p, struct text *out, struct err *e)
{
    cairo_surface_t *s = cairo_pdf_surface_create_for_stream(receive, out, POINTS * p->width, POINTS * p->height);
    describe(s, CAIRO_PDF_METADATA_TITLE, picture_words(p, p->title));
    describe(s, CAIRO_PDF_METADATA_SUBJECT, picture_words(p, p->description));
    cairo_pdf_surface_set_metadata(s, CAIRO_PDF_METADATA_CREATE_DATE, ""); /* none: equal data, equal bytes */
    return render(s, p, POINTS, NULL, e);
}

int picture_png(const struct picture *p, struct text *out, struct err *e)
{
    const double width = DOTS * p->width, height = DOTS * p->height;
    if (width > MAX_DOTS || height > MAX_DOTS)
        return err_set(e, ERR_USAGE,
                       "the figure is %.0f x %.0f dots, and a PNG holds up to %d a side: choose .pdf or .svg", width,
                       height, (int)MAX_DOTS);
    return render(cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width + 0.5), (int)(height + 0.5)), p, DOTS, out,
                  e);
}
