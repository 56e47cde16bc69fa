/* What stands above a figure: its title, and its source with a remark, in as many lines as they take. */
#ifndef TPRUN_REPORT_HEADING_H
#define TPRUN_REPORT_HEADING_H

#include "report/look.h"
#include "report/picture.h"
#include "report/subject.h"

struct heading {
    const char *title, *under; /* with line breaks */
    double height;             /* down to where the figure begins */
};

/* The title, or the name of a study without one. */
const char *heading_title(const struct subject *s);
/* "; 2 trials have fewer steps than others of their cell" (shorter.h), or "" for n = 0: the end of a remark. */
const char *heading_shorter(struct arena *a, size_t n);
/* Lines are at most so wide. */
struct heading heading_make(struct arena *a, const struct subject *s, const char *remark, double width,
                            const struct look *look);
void heading_draw(struct picture *out, const struct heading *h, double x, const struct look *look);
/* Text with line breaks; y: of the first base line. Returns y of the line after the last. */
double heading_lines(struct picture *out, double x, double y, double size, const char *color, const char *lines);

#endif
