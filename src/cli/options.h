/* Options of the command line as rows of a table: what is given fills a field of a struct, as base/part.h does for
 * files. */
#ifndef TPRUN_CLI_OPTIONS_H
#define TPRUN_CLI_OPTIONS_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_type {
    CLI_FLAG,    /* bool: true */
    CLI_NO_FLAG, /* bool: false */
    CLI_MORE,    /* int: counts how often */
    CLI_TEXT,    /* const char * */
    CLI_LIST,    /* struct cli_list: may be given again */
    CLI_WORD,    /* int: 1 + index in `words` */
    CLI_INT,     /* struct cli_int, min <= value <= max */
    CLI_SIZE,    /* int64_t: bytes; 500M, 2G */
    CLI_SECONDS, /* double: a duration (base/duration.h) in seconds; a number alone is of seconds */
    CLI_HOURS    /* likewise; a number alone is of hours */
};

struct cli_int {
    bool given;
    int64_t value;
};
struct cli_list {
    size_t n;
    const char **items; /* room for every argument of the command line */
};

/* Closed by a row without a name. */
struct cli_option {
    const char *name;
    char letter; /* 0 = no short form */
    enum cli_type type;
    const char *value;        /* as --help prints it; NULL for CLI_FLAG, CLI_NO_FLAG, CLI_MORE */
    size_t offset;            /* of the field */
    int64_t min, max;         /* CLI_INT */
    const char *const *words; /* CLI_WORD, closed by NULL */
    const char *help;
};

/* Sets the field of a struct that an option is about. Errors: ERR_USAGE naming the option, the value, what is allowed.
 */
int option_set(const struct cli_option *o, void *fields, const char *value, struct err *e);
/* A duration, whose number alone counts `unit` seconds; name: of the option or the variable it comes from. */
int option_duration(const char *text, const char *name, double unit, double *seconds, struct err *e);

#endif
