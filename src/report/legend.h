/* What each line is: colour, name, number of seeds, what diverged. */
#ifndef TPRUN_REPORT_LEGEND_H
#define TPRUN_REPORT_LEGEND_H

#include "report/look.h"
#include "report/picture.h"
#include "report/subject.h"

struct legend_style {
    const char *color, *dash; /* dash NULL: solid */
};

/* Colours of Okabe and Ito, "Color Universal Design" (2008), told apart with any colour vision and on white; without
 * the yellow, which is not. */
enum { LEGEND_COLORS = 7, LEGEND_DASHES = 5 };
const char *legend_color(size_t i);
const char *legend_dash(size_t i); /* NULL for 0: solid */
/* styles[i] of group i of the study. Where several variants share cells: the colour is the variant, the dash the cell;
 * with more than LEGEND_DASHES cells, or one variant: the colour is the place among the lines, dashed in later rounds.
 */
struct legend_style *legend_styles(const struct subject *s, struct arena *a);

struct legend_entry {
    struct legend_style style;
    const char *name, *remark; /* remark: a second line, or NULL */
    bool pale;                 /* there is no such line */
    bool dots;                 /* drawn as points */
    bool cross;                /* in place of a line: a cross */
};
/* A group's remark: "3 seeds, 1 diverged". same_as: NULL, or the name of the line under which it would be hidden. */
const char *legend_remark(struct arena *a, const struct group *g, bool seen, const char *same_as);

struct legend {
    size_t n, columns;
    const struct legend_entry *entries; /* with what explains crosses */
    double entry_width, entry_height, width, height;
};
/* most: how wide it may become. columns = 0: as many as fit, else so many. crosses: what they mean, NULL if there are
 * none. */
struct legend legend_make(struct arena *a, const struct legend_entry *entries, size_t n, const char *crosses,
                          size_t columns, double most, const struct look *look);
void legend_draw(struct picture *out, const struct legend *l, double x, double y, const struct look *look);

#endif
