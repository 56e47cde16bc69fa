/* Parts and options: how a layer, an optimizer, a dataset, a rule of credit assignment describes itself.
 *
 * A part is one const struct. Reading a file, checking ranges, `tprun list`, the JSON schema and the manual are all
 * derived from it. An option table describes a struct of C values: one row per field, closed by {0}. Tables nest
 * (OPT_MAP), pick a part from a registry (OPT_PART) and hold lists of parts (OPT_PARTS). */
#ifndef TPRUN_BASE_PART_H
#define TPRUN_BASE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option;

/* First member of every *_def struct. */
struct part {
    const char *name;             /* as written in a file */
    const char *help;             /* one sentence */
    const char *ref;              /* "Roulet 2022, Eq. (2)", or NULL */
    const struct option *options; /* or NULL for none */
    size_t opts_size;             /* bytes of the struct that `options` describes */
    size_t state_size;            /* bytes of run-time state, allocated by the caller in the trial's arena */
    unsigned needs, gives;        /* capabilities: bits of enum capability */
};

/* What a part offers to others. The names are used in messages: "'difference' needs a mapping that applies to targets".
 */
enum capability {
    GIVES_APPLY = 1u << 0,    /* mapping: g_k(t) */
    GIVES_JVP = 1u << 1,      /* mapping: a linear map of displacements */
    GIVES_TRAIN = 1u << 2,    /* mapping: has parameters that a feedback loss trains */
    GIVES_SEQUENCE = 1u << 5, /* layer: reads a sequence and carries a state */
    GIVES_DIRECT = 1u << 6,   /* mapping: can read the last target directly, past the layers between */
    TAKES_BRANCHES = 1u << 7  /* any part of credit assignment: layers may read others than the one below (`from`) */
};
/* Text for the lowest bit of `bits`: "applies to targets", "maps displacements", ... */
const char *capability_text(unsigned bits);

struct registry {
    const char *kind;                /* "mapping": singular, used in messages and by `tprun list` */
    const struct part *const *parts; /* in the order of registration */
    size_t n_parts; /* 0: a kind alone, for a room that lies below the parts; a file's own table has the registry */
    const struct part *beside; /* options that may stand beside the name of a part in a list, no name of its own; NULL:
                                  none. Words: tree_stands_beside */
};
const struct part *registry_find(const struct registry *r, const char *name);
/* r; where that is a kind alone, the registry of this kind in `table` (r if there is none). */
const struct registry *registry_resolve(const struct registry *r, const struct option *table);

/* A part that a file picked, with its options bound. A `name: ...` alone, without options, is the short form. */
struct chosen {
    const struct part *part;
    void *opts;   /* part->opts_size bytes, or NULL if that is 0 */
    void *beside; /* of an element of a list: what registry.beside describes, or NULL */
};
struct chosen_list {
    size_t n;
    struct chosen *items;
};

/* A value or a list of values. */
struct reals {
    size_t n;
    const double *items;
};
struct names {
    size_t n;
    const char *const *items;
};

enum option_type {
    OPT_END = 0,
    OPT_BOOL,  /* bool: true or false */
    OPT_INT,   /* int64_t, min <= value <= max; 1e3 is an integer. With `names`: or that word, which is min - 1 */
    OPT_REAL,  /* double, finite, min <= value <= max (OPTION_ABOVE_MIN: min < value) */
    OPT_ENUM,  /* int: index into `names` */
    OPT_TEXT,  /* const char *: any string, or one of `names`; NULL when absent */
    OPT_MAP,   /* a struct described by `table`, at `offset`; absent means all its defaults */
    OPT_PART,  /* struct chosen, from `registry`: "name" or {name: ..., option: ...} */
    OPT_PARTS, /* struct chosen_list: a list of one-key maps {name: {options}} or names, each with optional `repeat: N`;
                  with OPTION_PLAIN also one part alone, as OPT_PART */
    OPT_NAMES, /* struct names: a list of strings: any, of `names`, or names of parts of `registry` */
    OPT_REALS  /* struct reals: a number or a list of numbers */
};

enum option_flags {
    OPTION_REQUIRED = 1u << 0,
    OPTION_ABOVE_MIN = 1u << 1, /* the minimum itself is excluded */
    OPTION_BUDGET = 1u << 2,    /* not part of a trial's identity: iterations, epochs, log */
    OPTION_NULLABLE = 1u << 3,  /* absent stays absent: {NULL}, or `dflt` where there is one. The canonical form leaves
                                   out what is absent or as `dflt` says: an option that is added later is nullable, so
                                   that the identity of older trials stays (tests/trial/check_key.c) */
    OPTION_PLAIN = 1u << 4,  /* the canonical form is the short one where that says it all: OPT_PART its name where no
                                option is printed, OPT_REALS one number instead of a list of one, OPT_PARTS likewise
                                what OPT_PART would print */
    OPTION_WHOLE = 1u << 5,  /* OPT_REALS: integers */
    OPTION_FOLDER = 1u << 6, /* OPT_TEXT: a folder, relative to that of the file that gives it, else where its map
                                stands ("."); bound as an absolute path */
    OPTION_UNMEASURED = 1u << 7 /* of a dataset: what is measured on its held-out samples can be compared over all
                                   values, as these samples and their labels stay the same */
};

/* Whether a file that leaves the option out means `dflt`. A default that lies outside of the range stands for "absent".
 */
bool option_has_default(const struct option *o);
/* The word that stands for a value of OPT_INT, or NULL. */
const char *option_word(const struct option *o, int64_t value);
/* The row of this name, or NULL. */
const struct option *option_find(const struct option *table, const char *name);

struct option {
    const char *name;
    enum option_type type;
    size_t offset;    /* of the field in the struct described */
    const char *dflt; /* as it would be written in a file; NULL with OPTION_REQUIRED or OPTION_NULLABLE */
    double min, max;  /* OPT_INT, OPT_REAL, OPT_REALS; both 0 = unbounded */
    unsigned flags;
    const char *help;           /* one sentence with unit and meaning */
    const char *const *names;   /* OPT_ENUM: closed by NULL; OPT_TEXT, OPT_NAMES: the words allowed, or NULL for any;
                                   OPT_INT: one word, or NULL for none */
    const struct option *table; /* OPT_MAP */
    const struct registry *registry;   /* OPT_PART, OPT_PARTS; OPT_NAMES: or NULL */
    const char *const (*elsewhere)[2]; /* OPT_ENUM, OPT_PART: words that belong to another key, and where to; closed by
                                          {NULL}; or NULL */
    const char *of; /* OPT_MAP: it is about the part of this row of the same table, and has no keys where that part does
                       not give of_gives (GIVES_...); or NULL */
    unsigned of_gives;
    const char *beside; /* the row of the same table beside which alone it has an effect; NULL: it always has one */
    const char *idle; /* at which value of that row it has none, as a file has it; "!word": at all others; "": absent */
};

/* Whether the value of an option is what `text` would be in a file; a list of numbers: all of them, one of
 * names: "[]" if it is empty; "": whether it is absent. False for maps and lists of parts. */
bool option_holds(const struct option *o, const void *field, const char *text);

#endif
