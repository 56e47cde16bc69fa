#include "base/text.h"
#include "base/err.h"
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `extra` bytes and a 0. */
static void reserve(struct text *t, size_t extra)
{
    size_t need;
    if (__builtin_add_overflow(t->n, extra, &need) || __builtin_add_overflow(need, (size_t)1, &need))
        err_no_memory("a text that is too long");
    if (need <= t->capacity)
        return;
    size_t capacity = t->capacity ? t->capacity : 64;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : 2 * capacity;
    char *s = realloc(t->s, capacity);
    if (!s)
        err_no_memory("%zu bytes of text", capacity);
    t->s = s;
    t->capacity = capacity;
}

void text_put(struct text *t, const char *bytes, size_t n)
{
    reserve(t, n);
    if (n > 0)
        memcpy(t->s + t->n, bytes, n);
    t->n += n;
    t->s[t->n] = '\0';
}

void text_puts(struct text *t, const char *s)
{
    text_put(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
    if (t->n + 1 >= t->capacity)
        reserve(t, 1);
    t->s[t->n++] = c;
    t->s[t->n] = '\0';
}

void text_add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vadd(t, format, args);
    va_end(args);
}

void text_vadd(struct text *t, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    assert(n >= 0);
    reserve(t, (size_t)n);
    const int written = vsnprintf(t->s + t->n, (size_t)n + 1, format, again);
    va_end(again);
    assert(written == n);
    (void)written;
    t->n += (size_t)n;
}

void text_clear(struct text *t)
{
    t->n = 0;
    if (t->s)
        t->s[0] = '\0';
}

void text_free(struct text *t)
{
    free(t->s);
    *t = (struct text){ 0 };
}

/* Characters that JSON allows in a string but YAML 1.1 readers fold, drop or refuse: U+0080..U+009F, the line
 * separators U+2028 and U+2029, the byte order mark, U+FFFE and U+FFFF. Returns the code, or 0; s has n bytes left. */
static unsigned delicate_character(const char *s, size_t n)
{
    const unsigned char *c = (const unsigned char *)s;
    if (n >= 2 && c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
        return c[1];
    if (n < 3 || (c[0] != 0xe2 && c[0] != 0xef))
        return 0;
    const unsigned code = (c[0] & 15u) << 12 | (c[1] & 63u) << 6 | (c[2] & 63u);
    return code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe ? code : 0;
}

/* Characters that stand for themselves in a JSON string. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void text_json_string(struct text *t, const char *s, size_t n)
{
    text_putc(t, '"');
    for (size_t i = 0; i < n; i++) {
        size_t plain = i;
        while (plain < n && is_plain((unsigned char)s[plain]))
            plain++;
        text_put(t, s + i, plain - i);
        i = plain;
        if (i == n)
            break;
        const unsigned char c = (unsigned char)s[i];
        const unsigned delicate = delicate_character(s + i, n - i);
        if (delicate) {
            text_add(t, "\\u%04x", delicate);
            i += delicate < 0x100 ? 1 : 2;
        } else if (c == '"' || c == '\\') {
            text_putc(t, '\\');
            text_putc(t, (char)c);
        } else if (c == '\n') {
            text_puts(t, "\\n");
        } else if (c == '\t') {
            text_puts(t, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            text_add(t, "\\u%04x", c);
        } else {
            text_putc(t, (char)c);
        }
    }
    text_putc(t, '"');
}

/* Appends what printf's %g wrote, with a decimal point whatever the locale calls it, and 1e-05 as 1e-5, 1e+22 as 1e22.
 */
static void put_decimal(struct text *t, const char *s)
{
    bool point = false;
    for (; *s && *s != 'e'; s++) {
        if ((*s >= '0' && *s <= '9') || *s == '-') {
            text_putc(t, *s);
        } else if (!point) { /* a decimal point of several bytes counts once */
            text_putc(t, '.');
            point = true;
        }
    }
    if (*s != 'e')
        return;
    text_putc(t, *s++);
    if (*s == '-')
        text_putc(t, *s);
    s += *s == '-' || *s == '+';
    while (*s == '0' && s[1])
        s++;
    text_puts(t, s);
}

void text_json_int(struct text *t, int64_t value)
{
    char s[24];
    size_t i = sizeof s;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        s[--i] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        s[--i] = '-';
    text_put(t, s + i, sizeof s - i);
}

void text_json_number(struct text *t, double value)
{
    if (!isfinite(value)) {
        text_puts(t, "null");
        return;
    }
    if (value == 0)
        value = 0; /* no sign: -0.0 and 0.0 are one value to a reader and to a digest */
    if (fabs(value) < 1e15 && value == floor(value)) { /* as %.15g writes it, without the cost of printf */
        text_json_int(t, (int64_t)value);
        return;
    }
    char s[40];
    for (int digits = 15; digits <= 17; digits++) { /* 17 always suffice for binary64 */
        const int n = snprintf(s, sizeof s, "%.*g", digits, value);
        assert(n > 0 && (size_t)n < sizeof s);
        (void)n;
        if (strtod(s, NULL) == value)
            break;
    }
    put_decimal(t, s);
}

/* A decimal number taken apart: (-1)^negative * digits * 10^exponent. Without a decimal point, strtod does not depend
 * on the locale, and integers can be judged exactly. */
enum { MAX_DIGITS = 1000, MAX_EXPONENT = 100000 };
struct decimal {
    bool negative;
    size_t n;
    char digits[MAX_DIGITS + 16]; /* room for an exponent */
    long exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?  -- YAML 1.2.2, section 10.3.2. Leading zeros are
 * dropped. */
static bool read_decimal(const char *s, size_t n, struct decimal *d)
{
    size_t i = 0, n_seen = 0;
    d->negative = n > 0 && s[0] == '-';
    d->n = 0;
    d->exponent = 0;
    i += n > 0 && (s[0] == '-' || s[0] == '+');
    bool fraction = false;
    for (; i < n && (is_digit(s[i]) || (s[i] == '.' && !fraction)); i++) {
        if (s[i] == '.') {
            fraction = true;
            continue;
        }
        n_seen++;
        if (n_seen > MAX_DIGITS)
            return false;
        if (d->n > 0 || s[i] != '0')
            d->digits[d->n++] = s[i];
        d->exponent -= fraction;
    }
    if (n_seen == 0)
        return false;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        const bool negative = i < n && s[i] == '-';
        i += i < n && (s[i] == '-' || s[i] == '+');
        if (i == n)
            return false;
        long exponent = 0;
        for (; i < n && is_digit(s[i]); i++)
            if (exponent < MAX_EXPONENT)
                exponent = 10 * exponent + (s[i] - '0');
        d->exponent += negative ? -exponent : exponent;
    }
    return i == n;
}

/* 0o17 and 0x1F: at most 64 bits. Returns false if s has no such prefix; *fits tells whether the digits are sound. */
static bool read_prefixed(const char *s, size_t n, bool *fits, uint64_t *value)
{
    if (n < 3 || s[0] != '0' || (s[1] != 'o' && s[1] != 'x'))
        return false;
    const unsigned shift = s[1] == 'o' ? 3 : 4;
    *value = 0;
    *fits = true;
    for (size_t i = 2; i < n; i++) {
        unsigned digit = 16;
        if (is_digit(s[i]))
            digit = (unsigned)(s[i] - '0');
        else if (s[i] >= 'a' && s[i] <= 'f')
            digit = (unsigned)(s[i] - 'a') + 10;
        else if (s[i] >= 'A' && s[i] <= 'F')
            digit = (unsigned)(s[i] - 'A') + 10;
        if (digit >= 1u << shift || *value >> (64 - shift))
            *fits = false;
        *value = *value << shift | (digit & 15);
    }
    return true;
}

/* Few digits and a small power of ten are both exact doubles, and one product or quotient of them is rounded once: what
 * strtod gives, without its cost. */
static bool exact_decimal(const struct decimal *d, double *value)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    enum { EXACT_DIGITS = 15, EXACT_POWER = 22 };
    if (d->n > EXACT_DIGITS || d->exponent < -EXACT_POWER || d->exponent > EXACT_POWER)
        return false;
    double digits = 0;
    for (size_t i = 0; i < d->n; i++)
        digits = 10 * digits + (d->digits[i] - '0');
    *value = d->exponent < 0 ? digits / powers[-d->exponent] : digits * powers[d->exponent];
    return true;
}

static bool one_of(const char *s, size_t n, const char *a, const char *b, const char *c)
{
    return n == 4 && (memcmp(s, a, 4) == 0 || memcmp(s, b, 4) == 0 || memcmp(s, c, 4) == 0);
}

int text_to_double(const char *s, size_t n, double *value)
{
    bool fits;
    uint64_t bits;
    if (read_prefixed(s, n, &fits, &bits)) {
        if (fits)
            *value = (double)bits;
        return fits ? 0 : -1;
    }
    const size_t sign = n > 0 && (s[0] == '-' || s[0] == '+');
    if (one_of(s + sign, n - sign, ".inf", ".Inf", ".INF")) {
        *value = s[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return 0;
    }
    if (one_of(s, n, ".nan", ".NaN", ".NAN")) {
        *value = (double)NAN;
        return 0;
    }
    struct decimal d;
    if (!read_decimal(s, n, &d))
        return -1;
    double v = 0;
    if (d.n > 0 && !exact_decimal(&d, &v)) {
        const int added = snprintf(d.digits + d.n, sizeof d.digits - d.n, "e%ld", d.exponent);
        assert(added > 0 && (size_t)added < sizeof d.digits - d.n);
        (void)added;
        v = strtod(d.digits, NULL);
        if (!isfinite(v) || v == 0) /* 1e400; 1e-400 is as little a double as that */
            return -1;
    }
    *value = d.negative ? -v : v;
    return 0;
}

int text_to_int(const char *s, size_t n, int64_t *value)
{
    bool fits;
    uint64_t bits;
    if (read_prefixed(s, n, &fits, &bits)) {
        if (!fits || bits > INT64_MAX)
            return -1;
        *value = (int64_t)bits;
        return 0;
    }
    struct decimal d;
    if (!read_decimal(s, n, &d))
        return -1;
    while (d.n > 0 && d.digits[d.n - 1] == '0') {
        d.n--;
        d.exponent++;
    }
    if (d.n == 0)
        d.exponent = 0;
    if (d.exponent < 0) /* a fraction is left: the digits do not end in 0 */
        return -1;
    int64_t v = 0; /* built with its sign, so that -2^63 is reached */
    for (size_t i = 0; i < d.n + (size_t)d.exponent; i++) {
        const int digit = i < d.n ? d.digits[i] - '0' : 0;
        if (__builtin_mul_overflow(v, (int64_t)10, &v) || __builtin_add_overflow(v, d.negative ? -digit : digit, &v))
            return -1;
    }
    *value = v;
    return 0;
}

bool text_is_decimal(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i] && strchr("0123456789.eE+-", s[i]))
        i++;
    return i == n;
}
