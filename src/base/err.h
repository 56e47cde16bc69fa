/* Errors: what went wrong, where, and what the user can do.
 *
 * A function that can fail returns 0 or a negative code and fills a `struct err`. A user's mistake in a file is a
 * positioned diagnostic (err_at); several are collected, so that every mistake of a file is reported at once. A
 * programmer's mistake is an assert. */
#ifndef TPRUN_BASE_ERR_H
#define TPRUN_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum err_code {
    ERR_USAGE = -1,     /* command line */
    ERR_SPEC = -2,      /* experiment file */
    ERR_IO = -3,        /* a file could not be read or written */
    ERR_FORMAT = -4,    /* a data, tensor or checkpoint file is not what it claims to be */
    ERR_STORAGE = -5,   /* database */
    ERR_MEMORY = -6,    /* allocation failed or a limit was met */
    ERR_SINGULAR = -7,  /* a matrix could not be factorized: ends the trial as diverged */
    ERR_DIVERGED = -8,  /* a value became non-finite or left its bounds: ends the trial as diverged */
    ERR_LOCKED = -9,    /* another runner owns the database */
    ERR_CONFLICT = -10, /* a recomputed row differs from the stored one */
    ERR_STOPPED = -11,  /* asked to stop; resumable */
    ERR_INTERNAL = -12  /* a library failed in a way that should not happen */
};

/* A text that diagnostics point into: a file, or the command line. `text` is not necessarily 0-terminated. */
struct source {
    const char *name;
    const char *text;
    size_t length;
};

/* A place in a source. line and column count from 1 (columns in characters); line 0 means "no place". length:
 * characters. */
struct where {
    const struct source *source;
    size_t line, column, length;
};

enum err_level { ERR_LEVEL_ERROR, ERR_LEVEL_NOTE, ERR_LEVEL_WARNING };

struct err_message {
    enum err_level level;
    struct where where;
    char *text;   /* owned */
    size_t n_key; /* how many bytes of the text are the key that it is about, a dotted path in a file; 0 = none */
};

/* Zero-initialise before use: struct err e = {0}; and give back with err_clear. The first code wins. */
struct err {
    int code;
    size_t n_messages, n_errors, capacity;
    struct err_message *messages;
    size_t dropped; /* diagnostics beyond ERR_MAX_MESSAGES */
};

#define ERR_MAX_MESSAGES 200

/* Adds an unpositioned error and returns `code`. `errno` is not consulted: say strerror(errno) in the text where it
 * helps. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds a positioned error in a specification (code ERR_SPEC) and returns ERR_SPEC. */
int err_at(struct err *e, struct where where, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool where_same(struct where a, struct where b);
/* Whether an error stands at this place already: a key that several variants have is told once. */
bool err_is_told(const struct err *e, struct where where);
/* Adds an error about a key of a file, by a room that knows nothing of files: the text is "KEY: ...", and whoever has
 * the file finds its place by the message's key. Returns ERR_SPEC. */
int err_about(struct err *e, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds a note that belongs to the error before it. */
void err_note(struct err *e, struct where where, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds a warning; does not change the code. */
void err_warn(struct err *e, struct where where, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Moves the messages of `from` to the end of `to`; `from` is left empty. Returns to->code. */
int err_move(struct err *to, struct err *from);
/* Prints every message: place, level, text, the source line and a caret. Control bytes of the source are shown escaped.
 */
void err_print(const struct err *e, FILE *out, bool color);
/* The text of the first error, or "" : for a database column or a one-line log. */
const char *err_first(const struct err *e);
void err_clear(struct err *e);

/* Returns the exit status of the program for an error code: 1 failed, 2 usage or spec, 3 locked, 4 conflict, 5 storage,
 * 6 memory, 75 stopped. */
int err_exit_status(int code);

/* Whether the errno `reason` tells of a limit of the machine or the process that was met (memory, open files,
 * processes), which is ERR_MEMORY and not a mistake. */
bool err_is_shortage(int reason);

/* Ends the program with the exit status of ERR_MEMORY: for small things, without which not even an error can be handed
 * up. What it leaves of its files is what a kill leaves. */
_Noreturn void err_no_memory(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        const int try_code_ = (call);                                                                                  \
        if (try_code_ < 0)                                                                                             \
            return try_code_;                                                                                          \
    } while (0)

/* Names for messages. */
/* The entry of names[0..n) that was meant by `word`: what it is called here (`lr` is stepsize), else the nearest by
 * edit distance, if it is near enough, else the only one that begins so; or NULL. nearest.c. */
const char *err_nearest(const char *word, const char *const *names, size_t n);

#endif
