#include "report/scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct scale scale_make(bool log, double low, double high, double from, double to)
{
    if (log && low < high * 1e-12) /* more than twelve decades tell nothing about what is above */
        low = high * 1e-12;
    if (!(low < high)) {
        const double margin = low == 0 ? 1 : 0.1 * fabs(low);
        high = low + margin;
        low = low - margin;
    }
    return (struct scale){ log, low, high, from, to };
}

bool scale_holds(const struct scale *s, double x)
{
    return x >= s->low && x <= s->high;
}

double scale_at(const struct scale *s, double x)
{
    const double held = x < s->low ? s->low : x > s->high ? s->high : x;
    const double share = s->log ? log(held / s->low) / log(s->high / s->low) : (held - s->low) / (s->high - s->low);
    return s->from + share * (s->to - s->from);
}

static void add(struct ticks *t, const struct scale *s, double x)
{
    const double slack = 1e-9 * (s->high - s->low);
    if (t->n < SCALE_MAX_TICKS && x >= s->low - slack && x <= s->high + slack)
        t->value[t->n++] = fabs(x) < slack ? 0 : x;
}

static struct ticks log_ticks(const struct scale *s, size_t n)
{
    struct ticks t = { .decimals = -1 };
    const int first = (int)floor(log10(s->low)), last = (int)ceil(log10(s->high));
    const int every = 1 + (last - first) / (2 * (int)n);
    const bool fine = last - first <= 2;
    for (int k = first; k <= last; k += every)
        for (int m = 1; m <= 5; m += m == 1 ? 1 : 3)
            if (m == 1 || fine) {
                const double x = m * pow(10, k);
                if (x >= s->low * (1 - 1e-9) && x <= s->high * (1 + 1e-9) && t.n < SCALE_MAX_TICKS)
                    t.value[t.n++] = x;
            }
    return t;
}

struct ticks scale_ticks(const struct scale *s, size_t n)
{
    if (s->log) {
        const struct ticks t = log_ticks(s, n);
        if (t.n >= 2) /* else the range lies between two round numbers: the linear ones are finer */
            return t;
    }
    const double raw = (s->high - s->low) / (double)n, unit = pow(10, floor(log10(raw)));
    const double step = raw / unit < 1.5 ? unit : raw / unit < 3.5 ? 2 * unit : raw / unit < 7.5 ? 5 * unit : 10 * unit;
    struct ticks t = { 0 };
    const double first = ceil(s->low / step - 1e-9);
    for (int i = 0; i <= SCALE_MAX_TICKS; i++)
        add(&t, s, (first + i) * step);
    const int digits = (int)-floor(log10(step) + 1e-9);
    t.decimals = digits > 5 || fabs(s->high) >= 1e7 || fabs(s->low) >= 1e7 ? -1 : digits < 0 ? 0 : digits;
    return t;
}

const char *scale_superscript(int exponent, char buffer[32])
{
    static const char *const digits[] = { "⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹" };
    const int size = exponent < 0 ? -exponent : exponent;
    snprintf(buffer, 32, "%s%s%s%s", exponent < 0 ? "⁻" : "", size >= 100 ? digits[size / 100 % 10] : "",
             size >= 10 ? digits[size / 10 % 10] : "", digits[size % 10]);
    return buffer;
}

const char *scale_number(double x, char buffer[32])
{
    const double exponent = x > 0 ? log10(x) : 0;
    if (x > 0 && fabs(exponent - round(exponent)) < 1e-6 && (exponent < -2.5 || exponent > 2.5)) {
        char digits[32];
        snprintf(buffer, 32, "10%.29s", scale_superscript((int)round(exponent), digits));
    } else {
        snprintf(buffer, 32, "%.4g", x);
    }
    return buffer;
}

const char *scale_label(const struct ticks *t, size_t i, char buffer[32])
{
    if (t->decimals < 0)
        return scale_number(t->value[i], buffer);
    snprintf(buffer, 32, "%.*f", t->decimals, t->value[i]);
    return buffer;
}
