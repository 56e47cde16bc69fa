#include "base/err.h"
#include "base/clean.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool err_is_shortage(int reason)
{
    return reason == EMFILE || reason == ENFILE || reason == EAGAIN || reason == ENOMEM || reason == ENOBUFS;
}

_Noreturn void err_no_memory(const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args); /* a long one is cut */
    va_end(args);
    fprintf(stderr, "tprun: error: out of memory (%s)\n", what);
    _exit(err_exit_status(ERR_MEMORY));
}

static char *format_text(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    assert(n >= 0);
    char *s = malloc((size_t)n + 1);
    if (!s)
        err_no_memory("while reporting: %s", format);
    const int written = vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    assert(written == n);
    (void)written;
    return s;
}

/* Takes over the text of m. */
static void add(struct err *e, struct err_message m)
{
    if (m.level == ERR_LEVEL_ERROR)
        e->n_errors++;
    if (e->n_messages >= ERR_MAX_MESSAGES) {
        e->dropped++;
        free(m.text);
        return;
    }
    if (e->n_messages == e->capacity) {
        const size_t capacity = e->capacity ? 2 * e->capacity : 8;
        struct err_message *messages = realloc(e->messages, capacity * sizeof *messages);
        if (!messages)
            err_no_memory("while reporting: %s", m.text);
        e->messages = messages;
        e->capacity = capacity;
    }
    e->messages[e->n_messages++] = m;
}

int err_set(struct err *e, int code, const char *format, ...)
{
    assert(code < 0);
    va_list args;
    va_start(args, format);
    add(e, (struct err_message){ .text = format_text(format, args) });
    va_end(args);
    if (!e->code)
        e->code = code;
    return code;
}

bool where_same(struct where a, struct where b)
{
    return a.source == b.source && a.line == b.line && a.column == b.column;
}

bool err_is_told(const struct err *e, struct where where)
{
    for (size_t i = 0; i < e->n_messages; i++)
        if (e->messages[i].level == ERR_LEVEL_ERROR && where_same(e->messages[i].where, where))
            return true;
    return false;
}

int err_at(struct err *e, struct where where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(e, (struct err_message){ .where = where, .text = format_text(format, args) });
    va_end(args);
    if (!e->code)
        e->code = ERR_SPEC;
    return ERR_SPEC;
}

int err_about(struct err *e, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *what = format_text(format, args);
    va_end(args);
    const size_t n_key = strlen(key), size = n_key + strlen(what) + 3;
    char *text = malloc(size);
    if (!text)
        err_no_memory("while reporting: %s", what);
    snprintf(text, size, "%s: %s", key, what);
    free(what);
    add(e, (struct err_message){ .text = text, .n_key = n_key });
    if (!e->code)
        e->code = ERR_SPEC;
    return ERR_SPEC;
}

void err_note(struct err *e, struct where where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(e, (struct err_message){ .level = ERR_LEVEL_NOTE, .where = where, .text = format_text(format, args) });
    va_end(args);
}

void err_warn(struct err *e, struct where where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(e, (struct err_message){ .level = ERR_LEVEL_WARNING, .where = where, .text = format_text(format, args) });
    va_end(args);
}

int err_move(struct err *to, struct err *from)
{
    for (size_t i = 0; i < from->n_messages; i++)
        add(to, from->messages[i]);
    to->n_errors += from->n_errors;
    for (size_t i = 0; i < from->n_messages; i++) /* add() has counted these */
        to->n_errors -= from->messages[i].level == ERR_LEVEL_ERROR;
    to->dropped += from->dropped;
    if (!to->code)
        to->code = from->code;
    free(from->messages);
    *from = (struct err){ 0 };
    return to->code;
}

static const char *paint(bool color, const char *code)
{
    return color ? code : "";
}

/* The line of a place and a caret below it; of a very long line the part around the place. */
static void put_excerpt(struct text *t, struct where w, bool color)
{
    enum { BEFORE = 100, SHOWN = 160 }; /* characters */
    const char *s = w.source->text, *end = s ? s + w.source->length : NULL;
    for (size_t line = 1; s && line < w.line; line++) {
        s = memchr(s, '\n', (size_t)(end - s));
        s = s ? s + 1 : NULL;
    }
    if (!s)
        return;
    const size_t column = w.column ? w.column : 1;
    const size_t first = column > BEFORE + 1 ? column - BEFORE : 1;
    text_add(t, "%5zu | ", w.line);
    size_t at = 1, indent = 0, span = 0;
    struct text one = { 0 };
    for (; s < end && *s != '\n' && *s != '\r' && at < first + SHOWN; at++) {
        text_clear(&one);
        const bool tab = *s == '\t';
        s += clean_terminal_character(&one, s, (size_t)(end - s));
        if (at < first)
            continue;
        const size_t width = tab ? 1 : clean_width(one.s);
        text_puts(t, tab ? " " : one.s);
        if (at < column)
            indent += width;
        else if (at < column + w.length)
            span += width;
    }
    text_free(&one);
    text_add(t, "\n      | %*s%s^", (int)indent, "", paint(color, "\033[1;32m"));
    for (size_t i = 1; i < span; i++)
        text_putc(t, '~');
    text_add(t, "%s\n", paint(color, "\033[0m"));
}

void err_print(const struct err *e, FILE *out, bool color)
{
    static const char *const level_names[] = { "error", "note", "warning" };
    static const char *const level_colors[] = { "\033[1;31m", "\033[1;36m", "\033[1;35m" };
    struct text t = { 0 };
    for (size_t i = 0; i < e->n_messages; i++) {
        const struct err_message *m = &e->messages[i];
        text_puts(&t, paint(color, "\033[1m"));
        if (m->where.source) {
            clean_terminal(&t, m->where.source->name, strlen(m->where.source->name));
            if (m->where.line > 0)
                text_add(&t, ":%zu:%zu", m->where.line, m->where.column);
        } else {
            text_puts(&t, "tprun");
        }
        text_add(&t, ": %s%s:%s ", paint(color, level_colors[m->level]), level_names[m->level],
                 paint(color, "\033[0m"));
        clean_terminal(&t, m->text, strlen(m->text));
        text_putc(&t, '\n');
        if (m->where.source && m->where.line > 0)
            put_excerpt(&t, m->where, color);
    }
    if (e->dropped > 0)
        text_add(&t, "tprun: note: %zu more messages are not shown\n", e->dropped);
    if (t.n > 0)
        fwrite(t.s, 1, t.n, out);
    text_free(&t);
}

const char *err_first(const struct err *e)
{
    for (size_t i = 0; i < e->n_messages; i++)
        if (e->messages[i].level == ERR_LEVEL_ERROR)
            return e->messages[i].text;
    return "";
}

void err_clear(struct err *e)
{
    for (size_t i = 0; i < e->n_messages; i++)
        free(e->messages[i].text);
    free(e->messages);
    *e = (struct err){ 0 };
}

int err_exit_status(int code)
{
    switch (code) {
    case 0:
        return 0;
    case ERR_USAGE:
    case ERR_SPEC:
        return 2;
    case ERR_LOCKED:
        return 3;
    case ERR_CONFLICT:
        return 4;
    case ERR_STORAGE:
        return 5;
    case ERR_MEMORY:
        return 6;
    case ERR_STOPPED:
        return 75; /* EX_TEMPFAIL of sysexits.h: run again */
    default:
        return 1;
    }
}
