/* How wide texts are, so that they can be placed side by side: an upper estimate from the widths of a wide sans-serif
 * font (DejaVu Sans), whatever font the reader has. Sizes and widths in pixels. */
#ifndef TPRUN_REPORT_WORDS_H
#define TPRUN_REPORT_WORDS_H

#include "base/arena.h"

double words_width(const char *s, double size);
/* s with line breaks in place of blanks, so that no line is wider than `width` unless a single word is; that one is cut
 * and ends in an ellipsis. */
char *words_wrap(struct arena *a, const char *s, double size, double width);
/* Lines of what words_wrap made. */
size_t words_lines(const char *s);
/* s, or as much of its beginning as fits, with an ellipsis. */
const char *words_cut(struct arena *a, const char *s, double size, double width);

#endif
