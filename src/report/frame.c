#include "report/frame.h"

#include "report/words.h"
#include <math.h>
#include <stdio.h>

enum { TICK = 4, BESIDE = 7 };

static const char *label(const struct axis *a, const struct ticks *t, size_t i, char buffer[48])
{
    const size_t word = (size_t)t->value[i];
    return a->n_words ? (word < a->n_words ? a->words[word] : "") : scale_label(t, i, buffer);
}

static void keep_whole(struct ticks *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->value[i] == floor(t->value[i]))
            t->value[n++] = t->value[i];
    t->n = n;
    if (!t->power && t->decimals > 0)
        t->decimals = 0;
}

static struct ticks ticks_of(const struct axis *a, size_t n)
{
    struct ticks t = { 0 };
    if (!a->n_words) {
        t = scale_ticks(&a->scale, n);
        if (a->whole)
            keep_whole(&t);
        return t;
    }
    const size_t every = 1 + (a->n_words - 1) / SCALE_MAX_TICKS;
    for (size_t i = 0; i < a->n_words; i += every)
        t.value[t.n++] = (double)i;
    return t;
}

static double widest(const struct axis *a, const struct ticks *t, double size)
{
    char buffer[48];
    double width = 0;
    for (size_t i = 0; i < t->n; i++)
        width = fmax(width, words_width(label(a, t, i, buffer), size));
    return width;
}

struct ticks frame_ticks_up(const struct axis *a, double height, const struct look *look)
{
    const double most = height / (2.5 * look_font(look));
    return ticks_of(a, most < 2 ? 2 : most > 6 ? 6 : (size_t)most);
}

/* As many as stand side by side. */
struct ticks frame_ticks_across(const struct axis *a, double width, const struct look *look)
{
    struct ticks t = { 0 };
    for (size_t n = 7; n >= 2; n--) {
        t = ticks_of(a, n);
        if ((widest(a, &t, look_font(look)) + look_font(look)) * (double)t.n <= width)
            break;
    }
    return t;
}

double frame_left(const struct axis *up, double height, const struct look *look)
{
    const struct ticks t = frame_ticks_up(up, height, look);
    return 4 + (up->name ? 1.5 * look_name(look) : 0) + widest(up, &t, look_font(look)) + BESIDE;
}

double frame_below(const struct axis *across, const struct look *look)
{
    return TICK + 1.4 * look_font(look) + (across->name ? 1.6 * look_name(look) : 0);
}

void frame_fit(struct frame *f)
{
    f->across.scale.from = f->x + FRAME_INSET;
    f->across.scale.to = f->x + f->width - FRAME_INSET;
    f->up.scale.from = f->y + f->height - FRAME_INSET;
    f->up.scale.to = f->y + FRAME_INSET;
}

/* The name with the power of ten that its numbers are divided by, cut to the axis. */
static const char *name_of(struct arena *a, const struct axis *axis, const struct ticks *t, double size, double length)
{
    char power[48];
    return words_cut(a, arena_printf(a, "%s%s", axis->name, axis->n_words ? "" : scale_power(t, power)), size, length);
}

static void draw_up(struct picture *p, struct arena *a, const struct frame *f, const struct look *look)
{
    char buffer[48];
    const double size = look_font(look);
    const struct ticks t = frame_ticks_up(&f->up, f->height, look);
    for (size_t i = 0; i < t.n; i++) {
        const double at = scale_at(&f->up.scale, t.value[i]);
        picture_line(p, f->x, at, f->x + f->width, at, PICTURE_FAINT, 1, NULL);
        if (f->numbers_left)
            picture_text(p, f->x - BESIDE, at + 0.36 * size, size, PICTURE_END, PICTURE_SOFT,
                         label(&f->up, &t, i, buffer));
    }
    if (f->up.name)
        picture_text_rotated(p, f->x - BESIDE - widest(&f->up, &t, size) - 0.6 * look_name(look), f->y + f->height / 2,
                             look_name(look), PICTURE_INK,
                             name_of(a, &f->up, &t, look_name(look), f->height + 2 * LOOK_MARGIN));
}

static void draw_across(struct picture *p, struct arena *a, const struct frame *f, const struct look *look)
{
    char buffer[48];
    const double size = look_font(look), below = f->y + f->height;
    const struct ticks t = frame_ticks_across(&f->across, f->width, look);
    const double room = t.n ? (f->width + size) / (double)t.n - 0.5 * size : 0;
    for (size_t i = 0; i < t.n; i++) {
        const double at = scale_at(&f->across.scale, t.value[i]);
        picture_line(p, at, below, at, below + TICK, PICTURE_RULE, 1, NULL);
        if (f->numbers_below)
            picture_text(p, at, below + TICK + 1.1 * size, size, PICTURE_MIDDLE, PICTURE_SOFT,
                         words_cut(a, label(&f->across, &t, i, buffer), size, fmax(room, 2 * size)));
    }
    if (f->across.name && f->numbers_below)
        picture_text(p, f->x + f->width / 2, below + TICK + 1.4 * size + 1.2 * look_name(look), look_name(look),
                     PICTURE_MIDDLE, PICTURE_INK, name_of(a, &f->across, &t, look_name(look), f->width + LOOK_MARGIN));
}

void frame_draw(struct picture *p, const struct frame *f, const struct look *look)
{
    struct arena a;
    arena_init(&a, 0);
    draw_up(p, &a, f, look);
    draw_across(p, &a, f, look);
    picture_rect(p, f->x, f->y, f->width, f->height, NULL, PICTURE_RULE);
    arena_finish(&a);
}
