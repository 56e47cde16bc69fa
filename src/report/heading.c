#include "report/heading.h"

#include "report/picture.h"
#include "report/words.h"
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
    const double width = fmax(words_width(heading_title(s), TITLE_SIZE), words_width(t.s, UNDER_SIZE));
    text_free(&t);
    return width;
}

void heading_draw(struct picture *out, const struct subject *s, const char *remark, double x)
{
    struct text t = { 0 };
    under(&t, s, remark);
    picture_text(out, x, 24, TITLE_SIZE, PICTURE_START, PICTURE_INK, heading_title(s));
    picture_text(out, x, 42, UNDER_SIZE, PICTURE_START, PICTURE_SOFT, t.s);
    text_free(&t);
}
