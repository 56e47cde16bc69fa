#include "report/escape.h"

#include <stdbool.h>
#include <string.h>

/* The length of the character at s, 0 if it is no UTF-8 or one that XML 1.0 excludes or that steers a terminal. */
static size_t character(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    const size_t length = text_utf8_length(text, strnlen(text, 4));
    const bool control = length == 1 ? s[0] < 0x20 || s[0] == 0x7F : s[0] == 0xC2 && s[1] < 0xA0;
    const bool noncharacter = length == 3 && s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE; /* U+FFFE, U+FFFF */
    return control || noncharacter ? 0 : length;
}

/* The next character into `one` (0-terminated): itself, a blank for white space, U+FFFD for what is no character.
 * Returns the bytes read. */
static size_t next(const char *s, char one[5])
{
    const size_t length = character(s);
    if (length) {
        memcpy(one, s, length);
        one[length] = '\0';
        return length;
    }
    strcpy(one, strchr("\n\r\t", *s) ? " " : "\xEF\xBF\xBD"); /* at most 4 bytes with the terminator */
    return 1;
}

void escape_xml(struct text *t, const char *s)
{
    char one[5];
    while (*s) {
        s += next(s, one);
        switch (one[0]) {
        case '&':
            text_puts(t, "&amp;");
            break;
        case '<':
            text_puts(t, "&lt;");
            break;
        case '>':
            text_puts(t, "&gt;");
            break;
        case '"':
            text_puts(t, "&quot;");
            break;
        default:
            text_puts(t, one);
        }
    }
}

void escape_markdown(struct text *t, const char *s)
{
    char one[5];
    while (*s) {
        s += next(s, one);
        if (one[0] == '<')
            text_puts(t, "&lt;");
        else if (one[0] == '&')
            text_puts(t, "&amp;");
        else
            text_add(t, "%s%s", strchr("\\|`*[]#~", one[0]) ? "\\" : "", one);
    }
}

void escape_code(struct text *t, const char *s)
{
    char one[5];
    text_putc(t, '`');
    while (*s) {
        s += next(s, one);
        if (one[0] == '`')
            text_putc(t, '\'');
        else
            text_add(t, "%s%s", one[0] == '|' ? "\\" : "", one);
    }
    text_putc(t, '`');
}

size_t escape_width(const char *s)
{
    size_t n = 0;
    char one[5];
    for (; *s; n++)
        s += next(s, one);
    return n;
}
