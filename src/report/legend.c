#include "report/legend.h"

#include "report/picture.h"
#include "report/words.h"
#include <math.h>

enum { ENTRY = 33, SAMPLE = 24, INDENT = 32, NAME_SIZE = 12, REMARK_SIZE = 10 };

static const char explanation[] = "diverged: last finite value";

struct legend_style legend_style(size_t i)
{
    static const char *const colors[] = { "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000" };
    static const char *const dashes[] = { NULL, "7 4", "2 4" };
    enum { N_COLORS = sizeof colors / sizeof colors[0] };
    return (struct legend_style){ colors[i % N_COLORS], dashes[i / N_COLORS % 3] };
}

static void remark(struct text *t, const struct group *g, bool seen)
{
    if (!seen)
        text_puts(t, "no values yet");
    else
        text_add(t, "%zu seed%s", g->n_trials, g->n_trials == 1 ? "" : "s");
    const size_t waiting = group_waiting(g);
    if (g->n_diverged)
        text_add(t, ", %zu diverged", g->n_diverged);
    if (g->n_failed)
        text_add(t, ", %zu failed", g->n_failed);
    if (g->n_outdated)
        text_add(t, ", %zu outdated", g->n_outdated);
    if (waiting && seen)
        text_add(t, ", %zu not finished", waiting);
}

static bool any_diverged(const struct subject *s)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (s->groups[i].n_diverged)
            return true;
    return false;
}

struct legend legend_make(const struct subject *s, const bool *seen)
{
    double width = any_diverged(s) ? words_width(explanation, REMARK_SIZE) : 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        struct text t = { 0 };
        remark(&t, &s->groups[i], seen[i]);
        width = fmax(width, fmax(words_width(s->groups[i].label, NAME_SIZE), words_width(t.s, REMARK_SIZE)));
        text_free(&t);
    }
    return (struct legend){ INDENT + width, ENTRY * (double)(s->n_groups + any_diverged(s)) };
}

void legend_draw(struct picture *out, const struct subject *s, const bool *seen, double x, double y)
{
    for (size_t i = 0; i < s->n_groups; i++, y += ENTRY) {
        const struct legend_style style = legend_style(i);
        struct text t = { 0 };
        remark(&t, &s->groups[i], seen[i]);
        picture_line(out, x, y + 9, x + SAMPLE, y + 9, style.color, 2.6, style.dash);
        picture_text(out, x + INDENT, y + 13, NAME_SIZE, PICTURE_START, seen[i] ? PICTURE_INK : PICTURE_SOFT,
                     s->groups[i].label);
        picture_text(out, x + INDENT, y + 26, REMARK_SIZE, PICTURE_START, PICTURE_SOFT, t.s);
        text_free(&t);
    }
    if (!any_diverged(s))
        return;
    picture_cross(out, x + SAMPLE / 2.0, y + 9, 4.5, PICTURE_INK, 2.2);
    picture_text(out, x + INDENT, y + 13, REMARK_SIZE, PICTURE_START, PICTURE_SOFT, explanation);
}
