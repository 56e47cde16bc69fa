#include "serve/target.h"

#include <string.h>

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int decode(const char **out, struct arena *a, const char *s, size_t n, struct err *e)
{
    char *text = arena_need(a, n + 1, 1);
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        text[length] = s[i];
        if (s[i] == '%') {
            const int high = i + 1 < n ? hex_digit(s[i + 1]) : -1, low = i + 2 < n ? hex_digit(s[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return err_set(e, ERR_USAGE, "a %% that no two hexadecimal digits above 00 follow");
            text[length] = (char)(16 * high + low);
            i += 2;
        }
        length++;
    }
    for (size_t i = 0, step; i < length; i += step)
        if ((step = text_utf8_length(text + i, length - i)) == 0)
            return err_set(e, ERR_USAGE, "an argument that is no UTF-8");
    *out = text;
    return 0;
}

int target_read(struct target *t, struct arena *a, const char *s, struct err *e)
{
    *t = (struct target){ .view = "" };
    if (strlen(s) > TARGET_LENGTH)
        return err_set(e, ERR_USAGE, "a request has up to %d characters", (int)TARGET_LENGTH);
    const size_t view = strcspn(s, "?");
    t->view = arena_strndup(a, s, view);
    s += view + (s[view] == '?');
    while (*s) {
        const size_t n = strcspn(s, "&"), name = strcspn(s, "=");
        if (name >= n || t->n == TARGET_ARGUMENTS)
            return err_set(e, ERR_USAGE, "arguments are NAME=VALUE, up to %d", (int)TARGET_ARGUMENTS);
        TRY(decode(&t->names[t->n], a, s, name, e));
        TRY(decode(&t->values[t->n], a, s + name + 1, n - name - 1, e));
        for (size_t i = 0; i < t->n; i++)
            if (!strcmp(t->names[i], t->names[t->n]))
                return err_set(e, ERR_USAGE, "argument '%s' is given twice", t->names[i]);
        t->n++;
        s += n + (s[n] == '&');
    }
    return 0;
}

const char *target_value(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->names[i], name))
            return *t->values[i] ? t->values[i] : NULL;
    return NULL;
}

static void encode(struct text *t, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()";
    for (; *s; s++) {
        if (strchr(plain, *s))
            text_putc(t, *s);
        else
            text_add(t, "%%%02X", (unsigned char)*s);
    }
}

void target_add(struct text *t, const char *name, const char *value)
{
    text_putc(t, t->n && strchr(t->s, '?') ? '&' : '?');
    encode(t, name);
    text_putc(t, '=');
    encode(t, value);
}
