#include "report/scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scale scale_make(bool log, double low, double high, double from, double to)
{
    if (log && low < high * 1e-12) /* more than twelve decades tell nothing about what is above */
        low = high * 1e-12;
    if (!(low < high)) {
        const double margin = low == 0 ? 1 : 0.1 * fabs(low);
        high = low + margin;
        low = low == 0 ? 0 : low - margin;
    }
    return (struct scale){ log, low, high, from, to };
}

double scale_place(const struct scale *s, double x)
{
    const double share = s->log ? log(x / s->low) / log(s->high / s->low) : (x - s->low) / (s->high - s->low);
    return s->from + share * (s->to - s->from);
}

double scale_at(const struct scale *s, double x)
{
    return scale_place(s, x < s->low ? s->low : x > s->high ? s->high : x);
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
    t.form = scale_form_of(t.value, t.n);
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
    const double first = ceil(s->low / step - 1e-9), largest = fmax(fabs(s->low), fabs(s->high));
    for (int i = 0; i <= SCALE_MAX_TICKS; i++)
        add(&t, s, (first + i) * step);
    t.power = largest >= 1e5 || largest < 1e-2 ? 3 * (int)floor(log10(largest) / 3) : 0;
    const int digits = (int)-floor(log10(step) + 1e-9) + t.power;
    t.decimals = digits < 0 ? 0 : digits > 12 ? 12 : digits;
    return t;
}

/* The digits of an exponent as superscripts. */
static const char *superscript(int exponent, char buffer[32])
{
    static const char *const digits[] = { "⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹" };
    const int size = exponent < 0 ? -exponent : exponent;
    snprintf(buffer, 32, "%s%s%s%s", exponent < 0 ? "⁻" : "", size >= 100 ? digits[size / 100 % 10] : "",
             size >= 10 ? digits[size / 10 % 10] : "", digits[size % 10]);
    return buffer;
}

static bool is_power(double x)
{
    const double exponent = x > 0 ? log10(x) : 0.5;
    return fabs(exponent - round(exponent)) < 1e-6;
}

static bool all_differ(const struct scale_form *form, const double *values, size_t n)
{
    char a[48], b[48];
    for (size_t i = 1; i < n; i++)
        if (values[i] != values[i - 1] && !strcmp(scale_write(form, values[i], a), scale_write(form, values[i - 1], b)))
            return false;
    return true;
}

struct scale_form scale_form_of(const double *values, size_t n)
{
    struct scale_form form = { SCALE_PLAIN, 3 };
    bool powers = n > 0, far = false, outside = false;
    for (size_t i = 0; i < n; i++) {
        const double size = fabs(values[i]);
        powers = powers && is_power(values[i]);
        far = far || size < 0.01 * (1 - 1e-9) || size > 1000 * (1 + 1e-9);
        outside = outside || (size > 0 && size < 0.001 * (1 - 1e-9)) || size >= 99999.5;
    }
    form.kind = powers && far ? SCALE_POWERS : outside ? SCALE_SCIENTIFIC : SCALE_PLAIN;
    while (form.kind != SCALE_POWERS && form.digits < 6 && !all_differ(&form, values, n))
        form.digits++;
    return form;
}

const char *scale_write(const struct scale_form *form, double x, char buffer[48])
{
    char digits[32];
    if (form->kind == SCALE_POWERS && x > 0) {
        snprintf(buffer, 48, "10%s", superscript((int)round(log10(x)), digits));
        return buffer;
    }
    if (form->kind == SCALE_PLAIN && fabs(x) < 99999.5) {
        const double whole = fabs(x) >= 1 ? floor(log10(fabs(x)) + 1e-9) + 1 : 0; /* digits before the point */
        snprintf(buffer, 48, "%.*g", whole > form->digits ? (int)whole : form->digits, x);
        return buffer;
    }
    snprintf(digits, sizeof digits, "%.*e", form->digits - 1, x);
    char *e = strchr(digits, 'e');
    if (x == 0 || !e) {
        snprintf(buffer, 48, "%g", x); /* zero, and what is not finite */
        return buffer;
    }
    const int exponent = atoi(e + 1);
    size_t n = (size_t)(e - digits);
    while (form->digits > 1 && digits[n - 1] == '0')
        n--;
    digits[n - (digits[n - 1] == '.')] = '\0';
    char power[32];
    superscript(exponent, power);
    snprintf(buffer, 48, "%.15s%s10%.26s", strcmp(digits, "1") ? digits : "", strcmp(digits, "1") ? "×" : "", power);
    return buffer;
}

const char *scale_number(double x, char buffer[48])
{
    const double size = fabs(x);
    const struct scale_form form = { size > 0 && (size < 1e-4 || size >= 99999.5) ? SCALE_SCIENTIFIC : SCALE_PLAIN, 4 };
    return scale_write(&form, x, buffer);
}

const char *scale_label(const struct ticks *t, size_t i, char buffer[48])
{
    if (t->decimals < 0)
        return scale_write(&t->form, t->value[i], buffer);
    snprintf(buffer, 48, "%.*f", t->decimals, t->value[i] / pow(10, t->power));
    return buffer;
}

const char *scale_power(const struct ticks *t, char buffer[48])
{
    char power[32];
    snprintf(buffer, 48, "%s%s%s", t->power ? " (10" : "", t->power ? superscript(t->power, power) : "",
             t->power ? ")" : "");
    return buffer;
}
