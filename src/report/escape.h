/* Names and titles come out of a database that somebody else may have written: every text is made valid UTF-8 without
 * control characters, and what the format would read as markup is escaped. */
#ifndef TPRUN_REPORT_ESCAPE_H
#define TPRUN_REPORT_ESCAPE_H

#include "base/text.h"

/* For XML text and for attributes in double quotes. */
void escape_xml(struct text *t, const char *s);
/* For Markdown running text and table cells: no line breaks, no markup, no HTML. */
void escape_markdown(struct text *t, const char *s);
/* A Markdown code span; backquotes become apostrophes, bars are escaped for tables. */
void escape_code(struct text *t, const char *s);
/* The number of characters. */
size_t escape_width(const char *s);

#endif
