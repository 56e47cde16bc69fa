/* What is at the other end of a descriptor: a terminal and its width, or a reader that has gone. */
#ifndef TPRUN_BASE_TERMINAL_H
#define TPRUN_BASE_TERMINAL_H

#include "base/text.h"
#include <stdbool.h>

/* Columns: of the terminal at fd, else of the variable COLUMNS; 0: lines may have any length. */
int terminal_width(int fd);
/* A terminal that can move its cursor: one with TERM=dumb (an editor's shell, a log with a pty) is none. */
bool terminal_is_live(int fd);
/* A pipe whose reader has seen enough: what was not written is no failure. */
bool terminal_reader_left(int fd);

/* How many bytes of s a line of `columns` characters takes: to the last blank that fits, else behind the last of
 * _ , / if there is one. Control
 * sequences (ESC [ .. m) have no width. All of s if it fits. */
size_t terminal_take(const char *s, size_t columns);

#endif
