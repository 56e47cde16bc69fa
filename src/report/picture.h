/* A drawing as a list of shapes, which is then written as SVG, PDF or PNG: all three show the same.
 *
 * Lengths are pixels of 1/96 inch, counted from the upper left; sizes of letters too (1 pixel = 0.75 points). Colours
 * are
 * "#rrggbb". Texts are copied. The background is white and painted, so that a picture reads on a dark page as well. */
#ifndef TPRUN_REPORT_PICTURE_H
#define TPRUN_REPORT_PICTURE_H

#include "base/err.h"
#include "base/text.h"
#include <stdbool.h>

#define PICTURE_INK "#222222"   /* titles */
#define PICTURE_SOFT "#555555"  /* numbers of axes, remarks */
#define PICTURE_RULE "#9a9a9a"  /* frames */
#define PICTURE_FAINT "#e6e6e6" /* grids */

enum picture_anchor { PICTURE_START, PICTURE_MIDDLE, PICTURE_END };
enum picture_kind {
    PICTURE_GROUP, /* up to its PICTURE_GROUP_END; words: its title, or "" */
    PICTURE_GROUP_END,
    PICTURE_TEXT,
    PICTURE_LINE,
    PICTURE_RECT,
    PICTURE_CROSS,
    PICTURE_PATH, /* a line through points */
    PICTURE_AREA  /* what points surround */
};

struct picture_point {
    double x, y;
};
struct picture_item {
    enum picture_kind kind;
    double x, y;          /* text: of its base line; rect: upper left; line: its beginning; cross: its middle */
    double width, height; /* rect; line: its end less its beginning; cross: half of its width */
    double size;          /* of letters; of a stroke */
    double opacity;       /* of a group; of what a path draws or an area fills */
    enum picture_anchor anchor;
    bool rotated;            /* read from below to above; then the anchor is the middle */
    char fill[8], stroke[8]; /* "" for none */
    const char *dash;        /* lengths of strokes and gaps, of static lifetime; NULL: solid */
    size_t words;            /* offset into struct picture.words */
    size_t points, n_points; /* in struct picture.points */
};

/* What can be read off a picture beside its shapes: points of a series, with their data. No file shows them; a page
 * does where the pointer is. */
enum { PICTURE_VALUES = 5 };
struct picture_mark {
    double x, y, values[PICTURE_VALUES]; /* NaN: none */
};
struct picture_series {
    size_t name, columns[PICTURE_VALUES]; /* offsets into words; columns: what the values are */
    size_t n_columns, marks, n_marks;     /* marks: the first, in struct picture.marks */
    char color[8];
};

/* Zero-initialise, picture_open, draw, picture_close, write, picture_free. */
struct picture {
    double width, height;
    struct text items, points,
        words;                 /* arrays of struct picture_item and struct picture_point; texts, each closed by 0 */
    size_t title, description; /* offsets into words */
    struct text series, marks; /* arrays of struct picture_series and struct picture_mark */
    size_t begun;              /* points of the path that is being drawn */
};

/* Lengths are rounded up to whole pixels. title and description are for those who cannot see it. */
void picture_open(struct picture *p, double width, double height, const char *title, const char *description);
void picture_close(struct picture *p);
void picture_free(struct picture *p);
/* Puts a whole picture into another one with its upper left at (x, y), as a group with its title. */
void picture_put(struct picture *p, const struct picture *part, double x, double y);
/* Opens a group with a title, which browsers show when the pointer rests on it. */
void picture_group(struct picture *p, const char *title);
/* Opens a group that is drawn pale: what lacks seeds. */
void picture_group_pale(struct picture *p);
void picture_group_end(struct picture *p);
/* y is the base line. rotated: read from below to above, around (x, y). */
void picture_text(struct picture *p, double x, double y, double size, enum picture_anchor anchor, const char *color,
                  const char *s);
void picture_text_rotated(struct picture *p, double x, double y, double size, const char *color, const char *s);
void picture_line(struct picture *p, double x0, double y0, double x1, double y1, const char *color, double width,
                  const char *dash);
/* fill or stroke may be NULL for none. */
void picture_rect(struct picture *p, double x, double y, double width, double height, const char *fill,
                  const char *stroke);
/* A diagonal cross of half width r around (x, y). */
void picture_cross(struct picture *p, double x, double y, double r, const char *color, double width);
/* The next point of the path or area that comes then. */
void picture_point(struct picture *p, double x, double y);
void picture_path(struct picture *p, const char *color, double width, const char *dash, double opacity);
void picture_area(struct picture *p, const char *color, double opacity);

/* Begins a series; n columns. The marks that follow are of it. */
void picture_begin_series(struct picture *p, const char *name, const char *color, const char *const *columns, size_t n);
void picture_mark(struct picture *p, double x, double y, const double *values);
size_t picture_n_series(const struct picture *p);
const struct picture_series *picture_all_series(const struct picture *p);
const struct picture_mark *picture_marks(const struct picture *p, const struct picture_series *series);

/* For those who write pictures and tests. */
size_t picture_n_items(const struct picture *p);
const struct picture_item *picture_items(const struct picture *p);
const struct picture_point *picture_points(const struct picture *p, const struct picture_item *item);
const char *picture_words(const struct picture *p, size_t offset);

/* SVG: shapes as text, numbers with at most one decimal, so that equal data give equal bytes. No ids, no style sheet,
 * no script: a file may be put into a page beside others. */
void picture_svg(const struct picture *p, struct text *out);
/* By cairo; equal data and equal fonts give equal bytes. A PNG has 3 x 3 dots for each pixel (288 an inch). */
int picture_pdf(const struct picture *p, struct text *out, struct err *e);
int picture_png(const struct picture *p, struct text *out, struct err *e);

enum picture_format { PICTURE_SVG, PICTURE_PDF, PICTURE_PNG };
/* What a file's name asks for by its end, in letters of either case; NULL and "-", standard output, are SVG. ERR_USAGE
 * names the ends that there are. */
int picture_format_of(const char *path, enum picture_format *format, struct err *e);
int picture_write(const struct picture *p, enum picture_format format, struct text *out, struct err *e);

#endif
