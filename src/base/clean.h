/* Texts of others. Names, titles and values come out of files, databases and command lines that somebody else may have
 * written; each format has one function that they pass through before they are printed.
 *
 * One table says which characters steer a reader instead of being read: the control characters U+0000..U+001F and
 * U+007F..U+009F, what has no width or turns the direction of writing (U+00AD, U+061C, U+180E, U+200B..U+200F,
 * U+2028..U+202E, U+2060..U+206F, U+FEFF, U+FFF9..U+FFFB, U+E0000..U+E0FFF), and U+FFFE and U+FFFF. Bytes that are no
 * UTF-8 are treated like them.
 *
 *   terminals, tables, messages, CSV   spelled out: \n, \t, \x1b, \u202e, \U000e0041, and \xff for a stray byte
 *   Markdown, HTML and SVG             white space becomes a blank, the rest U+FFFD; markup is escaped
 *   JSON                               \u escapes, so that nothing is lost; U+FFFD for a stray byte */
#ifndef TPRUN_BASE_CLEAN_H
#define TPRUN_BASE_CLEAN_H

#include "base/arena.h"
#include "base/text.h"
#include <stdio.h>

/* For a terminal, a line of a log or a cell of an aligned table: s[0..n) on one line. */
void clean_terminal(struct text *t, const char *s, size_t n);
/* The same for one character of s[0..n), n > 0; returns the bytes read. */
size_t clean_terminal_character(struct text *t, const char *s, size_t n);
/* A line of its own on `out`, as printf would write it. */
void clean_print_line(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same as a copy that lives as long as the arena; NULL is "". */
const char *clean_copy(struct arena *a, const char *s);

/* A field of CSV (RFC 4180), quoted if it must be. A line feed stays, in quotes. A spreadsheet takes a text that begins
 * with = + - @ (or their wide forms, or a line feed) for a formula: it gets an apostrophe before it, unless it is a
 * number. */
void clean_csv(struct text *t, const char *s, size_t n);
/* Markdown running text and table cells, also destinations of links in <>: no line breaks, no markup, no HTML. */
void clean_markdown(struct text *t, const char *s);
void clean_markdown_bytes(struct text *t, const char *s, size_t n);
/* A Markdown code span; backquotes become apostrophes, bars are escaped for tables. Plain text if a bar follows a
 * backslash. */
void clean_code(struct text *t, const char *s);
/* Text and attributes (in double quotes) of HTML and of XML such as SVG. */
void clean_xml(struct text *t, const char *s);
/* A string of JSON with its quotes. Not for canonical JSON, see text_json_string. */
void clean_json(struct text *t, const char *s, size_t n);

/* Characters that clean_xml leaves of s. */
size_t clean_width(const char *s);

#endif
