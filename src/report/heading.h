/* The two lines above a figure: title, and source with a remark. */
#ifndef TPRUN_REPORT_HEADING_H
#define TPRUN_REPORT_HEADING_H

#include "report/picture.h"
#include "report/subject.h"

enum { HEADING_HEIGHT = 54 };

/* The title, or the name of a study without one. */
const char *heading_title(const struct subject *s);
double heading_width(const struct subject *s, const char *remark);
void heading_draw(struct picture *out, const struct subject *s, const char *remark, double x);

#endif
