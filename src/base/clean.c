#include "base/clean.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

/* Sorted ranges of code points: see clean.h. */
static const struct {
    unsigned first, last;
} steering[] = {
    { 0x00, 0x1F },     { 0x7F, 0x9F },     { 0xAD, 0xAD },     { 0x61C, 0x61C },
    { 0x180E, 0x180E }, { 0x200B, 0x200F }, { 0x2028, 0x202E }, { 0x2060, 0x206F },
    { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB }, { 0xFFFE, 0xFFFF }, { 0xE0000, 0xE0FFF },
};

struct character {
    size_t length; /* bytes, at least 1 */
    unsigned code; /* or the byte that is no UTF-8 */
    bool valid, steers;
};

static struct character read_character(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    const size_t length = text_utf8_length(s, n);
    struct character c = { .length = length ? length : 1, .code = u[0], .valid = length > 0 };
    if (length > 1) {
        c.code = u[0] & (0xFFu >> (length + 1));
        for (size_t i = 1; i < length; i++)
            c.code = c.code << 6 | (u[i] & 0x3F);
    }
    for (size_t i = 0; i < sizeof steering / sizeof steering[0] && c.valid; i++)
        c.steers = c.steers || (c.code >= steering[i].first && c.code <= steering[i].last);
    return c;
}

/* How many characters of ASCII s[0..n) begins with that mean nothing to anybody: most texts have no others. */
static size_t plain_length(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i] >= ' ' && s[i] <= '~')
        i++;
    return i;
}

size_t clean_terminal_character(struct text *t, const char *s, size_t n)
{
    const struct character c = read_character(s, n);
    if (c.valid && !c.steers)
        text_put(t, s, c.length);
    else if (c.code == '\n' || c.code == '\t')
        text_puts(t, c.code == '\n' ? "\\n" : "\\t");
    else
        text_add(t, c.code <= 0xFF ? "\\x%02x" : c.code <= 0xFFFF ? "\\u%04x" : "\\U%08x", c.code);
    return c.length;
}

void clean_terminal(struct text *t, const char *s, size_t n)
{
    text_puts(t, ""); /* a text, even of nothing */
    for (size_t i = 0; i < n;) {
        const size_t plain = plain_length(s + i, n - i);
        text_put(t, s + i, plain);
        i += plain;
        if (i < n)
            i += clean_terminal_character(t, s + i, n - i);
    }
}

void clean_print_line(FILE *out, const char *format, ...)
{
    struct text line = { 0 }, clean = { 0 };
    va_list args;
    va_start(args, format);
    text_vadd(&line, format, args);
    va_end(args);
    clean_terminal(&clean, line.s, line.n);
    fprintf(out, "%s\n", clean.s);
    text_free(&line);
    text_free(&clean);
}

const char *clean_copy(struct arena *a, const char *s)
{
    struct text t = { 0 };
    clean_terminal(&t, s ? s : "", s ? strlen(s) : 0);
    const char *copy = arena_strndup(a, t.s, t.n);
    text_free(&t);
    return copy;
}

static bool is_formula(const char *s, size_t n)
{
    static const char *const beginnings[] = { "=",
                                              "+",
                                              "-",
                                              "@",
                                              "\n",
                                              "\xEF\xBC\x9D", /* U+FF1D = */
                                              "\xEF\xBC\x8B",
                                              "\xEF\xBC\x8D",
                                              "\xEF\xBC\xA0" }; /* + - @ */
    double number;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        const size_t length = strlen(beginnings[i]);
        if (n >= length && memcmp(s, beginnings[i], length) == 0)
            return text_to_double(s, n, &number) < 0;
    }
    return false;
}

void clean_csv(struct text *t, const char *s, size_t n)
{
    if (plain_length(s, n) == n && !is_formula(s, n) && !memchr(s, '"', n) && !memchr(s, ',', n)) {
        text_put(t, s, n);
        return;
    }
    struct text field = { 0 };
    text_puts(&field, n && is_formula(s, n) ? "'" : "");
    for (size_t i = 0; i < n;) {
        if (s[i] == '\n')
            text_putc(&field, s[i++]);
        else
            i += clean_terminal_character(&field, s + i, n - i);
    }
    const bool quoted = strpbrk(field.s, "\",\n") != NULL;
    text_puts(t, quoted ? "\"" : "");
    for (size_t i = 0; i < field.n; i++) {
        if (field.s[i] == '"')
            text_putc(t, '"');
        text_putc(t, field.s[i]);
    }
    text_puts(t, quoted ? "\"" : "");
    text_free(&field);
}

/* The next character of a document into `one`: itself, a blank for white space, U+FFFD for what is none. Returns the
 * bytes read. */
static size_t next(const char *s, size_t n, char one[5])
{
    const struct character c = read_character(s, n);
    if (c.valid && !c.steers) {
        memcpy(one, s, c.length);
        one[c.length] = '\0';
    } else {
        const bool blank = c.code == '\n' || c.code == '\r' || c.code == '\t';
        strcpy(one, blank ? " " : "\xEF\xBF\xBD"); /* at most 4 bytes with the terminator */
    }
    return c.length;
}

void clean_markdown_bytes(struct text *t, const char *s, size_t n)
{
    char one[5];
    for (size_t i = 0; i < n;) {
        i += next(s + i, n - i, one);
        if (one[0] == '<')
            text_puts(t, "&lt;");
        else if (one[0] == '&')
            text_puts(t, "&amp;");
        else
            text_add(t, "%s%s", strchr("\\|`*[]#~", one[0]) ? "\\" : "", one);
    }
}

void clean_markdown(struct text *t, const char *s)
{
    clean_markdown_bytes(t, s, strlen(s));
}

void clean_code(struct text *t, const char *s)
{
    const size_t n = strlen(s);
    char one[5];
    if (strstr(s, "\\|")) { /* a table would end its cell there, code span or not */
        clean_markdown(t, s);
        return;
    }
    text_putc(t, '`');
    for (size_t i = 0; i < n;) {
        i += next(s + i, n - i, one);
        if (one[0] == '`')
            text_putc(t, '\'');
        else
            text_add(t, "%s%s", one[0] == '|' ? "\\" : "", one);
    }
    text_putc(t, '`');
}

void clean_xml(struct text *t, const char *s)
{
    static const char special[] = "&<>\"";
    static const char *const entities[] = { "&amp;", "&lt;", "&gt;", "&quot;" };
    const size_t n = strlen(s);
    char one[5];
    for (size_t i = 0; i < n;) {
        i += next(s + i, n - i, one);
        const char *at = strchr(special, one[0]);
        text_puts(t, at ? entities[at - special] : one);
    }
}

size_t clean_width(const char *s)
{
    const size_t n = strlen(s);
    size_t width = 0;
    for (size_t i = 0; i < n; width++)
        i += read_character(s + i, n - i).length;
    return width;
}

/* Valid UTF-8 is quoted as always; then what steers and is no ASCII is escaped, which a string of JSON may have
 * anywhere. */
void clean_json(struct text *t, const char *s, size_t n)
{
    if (plain_length(s, n) == n) {
        text_json_string(t, s, n);
        return;
    }
    struct text valid = { 0 }, quoted = { 0 };
    for (size_t i = 0; i < n;) {
        const struct character c = read_character(s + i, n - i);
        text_put(&valid, c.valid ? s + i : "\xEF\xBF\xBD", c.valid ? c.length : 3);
        i += c.length;
    }
    text_json_string(&quoted, valid.n ? valid.s : "", valid.n);
    for (size_t i = 0; i < quoted.n;) {
        const struct character c = read_character(quoted.s + i, quoted.n - i);
        if (!c.steers)
            text_put(t, quoted.s + i, c.length);
        else if (c.code <= 0xFFFF)
            text_add(t, "\\u%04x", c.code);
        else
            text_add(t, "\\u%04x\\u%04x", 0xD7C0 + (c.code >> 10), 0xDC00 + (c.code & 0x3FF));
        i += c.length;
    }
    text_free(&valid);
    text_free(&quoted);
}
