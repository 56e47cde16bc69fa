/* A growing string. Zero-initialise, append, read .s (always 0-terminated after the first append), give back with
 * text_free. Running out of memory aborts: texts are small and belong to the parent or to a command, never to a step.
 */
#ifndef TPRUN_BASE_TEXT_H
#define TPRUN_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *s;
    size_t n, capacity;
};

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vadd(struct text *t, const char *format, va_list args);
void text_put(struct text *t, const char *bytes, size_t n);
void text_puts(struct text *t, const char *s);
void text_putc(struct text *t, char c);
void text_clear(struct text *t); /* empties, keeps the memory */
void text_free(struct text *t);

/* The length in bytes of the UTF-8 sequence (RFC 3629) that s[0..n) begins with, 0 if it is none; n > 0. */
size_t text_utf8_length(const char *s, size_t n);

/* A JSON string with quotes; control characters, quote, backslash and what YAML readers fold (U+2028, ...) escaped;
 * bytes are otherwise passed through as UTF-8. */
void text_json_string(struct text *t, const char *s, size_t n);
/* The shortest decimal that reads back as the same double; "null" for NaN and infinities, -0.0 as 0. JSON and YAML. */
void text_json_number(struct text *t, double value);
void text_json_int(struct text *t, int64_t value);

/* Reads a number of YAML 1.2's core schema in the C locale: decimal, exponent, 0x, 0o, .inf, .nan. Returns 0, or -1 if
 * the whole of s[0..n) is not such a number or does not fit a finite double where digits were given. */
int text_to_double(const char *s, size_t n, double *value);
/* The same for integers: 1e3 and 60.0 are integers by value; beyond int64 is -1. */
int text_to_int(const char *s, size_t n, int64_t *value);
/* Whether s[0..n) is made of what decimal numbers are, and not 0x10, 0o17, .inf: what somebody types at a command has
 * no other base. */
bool text_is_decimal(const char *s, size_t n);

#endif
