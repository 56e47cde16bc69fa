#include "base/duration.h"

#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *duration_text(double seconds, char buffer[DURATION_SIZE])
{
    const double s = floor(seconds + 0.5);
    if (!isfinite(seconds) || seconds > 3e9)
        snprintf(buffer, DURATION_SIZE, "?");
    else if (seconds > 0 && seconds < 0.0995)
        snprintf(buffer, DURATION_SIZE, "%.2g ms", 1e3 * seconds);
    else if (seconds < 9.95)
        snprintf(buffer, DURATION_SIZE, "%.1f s", seconds > 0 ? seconds : 0);
    else if (s < 100)
        snprintf(buffer, DURATION_SIZE, "%.0f s", s);
    else if (s < 3600)
        snprintf(buffer, DURATION_SIZE, fmod(s, 60) > 0 ? "%.0f min %.0f s" : "%.0f min", floor(s / 60), fmod(s, 60));
    else if (s < 86400)
        snprintf(buffer, DURATION_SIZE, fmod(s, 3600) >= 60 ? "%.0f h %.0f min" : "%.0f h", floor(s / 3600),
                 floor(fmod(s, 3600) / 60));
    else
        snprintf(buffer, DURATION_SIZE, fmod(s, 86400) >= 3600 ? "%.0f d %.0f h" : "%.0f d", floor(s / 86400),
                 floor(fmod(s, 86400) / 3600));
    return buffer;
}

static const struct {
    const char *name;
    double seconds;
} units[] = { { "d", 86400 }, { "h", 3600 }, { "min", 60 }, { "m", 60 }, { "s", 1 }, { "ms", 1e-3 } };
enum { N_UNITS = sizeof units / sizeof *units };

/* Seconds of a unit, 0 for another word. */
static double unit_of(const char *name, size_t n)
{
    for (size_t i = 0; i < N_UNITS; i++)
        if (strlen(units[i].name) == n && strncmp(units[i].name, name, n) == 0)
            return units[i].seconds;
    return 0;
}

/* Numbers with units: the whole text, or -1. */
static double sum_of(const char *s)
{
    double sum = 0, last = INFINITY;
    s += strspn(s, " ");
    while (*s) {
        double number;
        const size_t digits = strspn(s, "0123456789.");
        if (digits == 0 || text_to_double(s, digits, &number) < 0)
            return -1;
        s += digits;
        s += strspn(s, " ");
        const size_t letters = strspn(s, "dhmins");
        const double unit = unit_of(s, letters);
        if (unit == 0 || unit >= last)
            return -1;
        sum += number * unit;
        last = unit;
        s += letters;
        s += strspn(s, " ");
    }
    return sum;
}

int duration_read(const char *text, double unit, double *seconds)
{
    const double most = 36500 * 86400.0; /* DURATION_MOST */
    const size_t n = strlen(text);
    double number;
    *seconds = text_is_decimal(text, n) && text_to_double(text, n, &number) == 0 ? number * unit : sum_of(text);
    return !(*seconds > 0) ? -1 : *seconds > most ? DURATION_TOO_LONG : 0;
}
