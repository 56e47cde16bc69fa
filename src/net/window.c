#include "net/window.h"

#include <limits.h>
#include <string.h>

int window_place(struct window *w, const struct unit *u, struct shape in, int64_t kernel, int64_t stride,
                 int64_t padding, struct err *e)
{
    const char *name = u->def->part.name;
    const size_t k = (size_t)kernel, p = (size_t)padding, height = in.height + 2 * p, width = in.width + 2 * p;
    if (p >= k)
        return err_at(
            e, u->where,
            "network.layers.%zu: '%s' with padding %zu: windows of %zu x %zu would lie in it alone; it must be "
            "below the kernel's size",
            u->index, name, p, k, k);
    if (k > height || k > width)
        return err_at(e, u->where,
                      "network.layers.%zu: '%s' with a kernel of %zu x %zu does not fit on %zu x %zu x %zu (channels, "
                      "height, width) with padding %zu%s",
                      u->index, name, k, k, in.channels, in.height, in.width, p,
                      shape_is_map(in) ? "" : ": what the layer gets is no image");
    *w = (struct window){
        in, k, (size_t)stride, p, (height - k) / (size_t)stride + 1, (width - k) / (size_t)stride + 1
    };
    size_t n;
    if (__builtin_mul_overflow(k * k, in.channels, &n) || n > INT_MAX)
        return err_at(e, u->where,
                      "network.layers.%zu: '%s' has windows of %zu x %zu x %zu numbers; there may be 2^31 - 1",
                      u->index, name, in.channels, k, k);
    return 0;
}

int window_output(const struct window *w, const struct unit *u, size_t channels, struct shape *out, struct err *e)
{
    size_t n;
    if (__builtin_mul_overflow(window_positions(w), channels, &n) || n > INT_MAX)
        return err_at(e, u->where,
                      "network.layers.%zu: '%s' gives %zu x %zu x %zu numbers a sample; there may be 2^31 - 1",
                      u->index, u->def->part.name, channels, w->height, w->width);
    *out = (struct shape){ n, channels, w->height, w->width };
    return 0;
}

static void add(size_t n, const real *restrict from, real *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

static void copy(size_t n, const real *from, real *to)
{
    memcpy(to, from, n * sizeof *to);
}

void window_gather(const struct window *w, size_t samples, const real *maps, real *rows)
{
    const size_t c = w->in.channels, k = w->kernel, p = w->padding, line = k * c;
    for (size_t i = 0; i < samples; i++, maps += w->in.n)
        for (size_t y = 0; y < w->height; y++)
            for (size_t x = 0; x < w->width; x++) {
                const struct span s = window_span(w, y, x);
                const size_t from_y = s.y0 + p - y * w->stride, before = (s.x0 + p - x * w->stride) * c,
                             n = (s.x1 - s.x0) * c;
                if (n * (s.y1 - s.y0) < k * line)
                    memset(rows, 0, k * line * sizeof *rows);
                for (size_t j = s.y0; j < s.y1; j++)
                    copy(n, maps + (j * w->in.width + s.x0) * c, rows + (from_y + j - s.y0) * line + before);
                rows += k * line;
            }
}

void window_scatter(const struct window *w, size_t samples, const real *rows, real *maps)
{
    const size_t c = w->in.channels, k = w->kernel, p = w->padding, line = k * c;
    for (size_t i = 0; i < samples; i++, maps += w->in.n)
        for (size_t y = 0; y < w->height; y++)
            for (size_t x = 0; x < w->width; x++, rows += k * line) {
                const struct span s = window_span(w, y, x);
                const size_t from_y = s.y0 + p - y * w->stride, before = (s.x0 + p - x * w->stride) * c;
                for (size_t j = s.y0; j < s.y1; j++)
                    add((s.x1 - s.x0) * c, rows + (from_y + j - s.y0) * line + before,
                        maps + (j * w->in.width + s.x0) * c);
            }
}
