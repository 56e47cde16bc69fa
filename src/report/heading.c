#include "report/heading.h"

#include "report/svg.h"
#include <math.h>

enum { TITLE_SIZE = 15, UNDER_SIZE = 11 };

const char *heading_title(const struct subject *s)
{
    return *s->title ? s->title : s->name;
}

static void under(struct text *t, const struct subject *s, const char *remark)
{
    text_add(t, "%s%s%s%s%s", s->paper, *s->paper && *s->locator ? ", " : "", s->locator,
             *s->paper || *s->locator ? " · " : "", remark);
}

double heading_width(const struct subject *s, const char *remark)
{
    struct text t = { 0 };
    under(&t, s, remark);
    const double width = fmax(svg_text_width(heading_title(s), TITLE_SIZE), svg_text_width(t.s, UNDER_SIZE));
    text_free(&t);
    return width;
}

void heading_draw(struct text *out, const struct subject *s, const char *remark, double x)
{
    struct text t = { 0 };
    under(&t, s, remark);
    svg_text(out, x, 24, TITLE_SIZE, SVG_START, SVG_INK, heading_title(s));
    svg_text(out, x, 42, UNDER_SIZE, SVG_START, SVG_SOFT, t.s);
    text_free(&t);
}
