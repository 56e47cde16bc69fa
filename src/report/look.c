#include "report/look.h"

double look_font(const struct look *l)
{
    return l->font > 0 ? l->font : 11;
}

bool look_beside(const struct look *l)
{
    const bool narrow = l->width > 0 && l->width < 480;
    return l->legend == LOOK_RIGHT || ((l->legend == LOOK_AUTO || l->legend == LOOK_INSIDE) && !narrow);
}

double look_name(const struct look *l)
{
    return look_font(l) * 12 / 11;
}

double look_title(const struct look *l)
{
    return look_font(l) * 15 / 11;
}

double look_small(const struct look *l)
{
    return look_font(l) * 10 / 11;
}
