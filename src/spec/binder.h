/* Inside of the room: what binding a map (bind.c) and a value (bind_value.c) share. Every function reports to b->e. */
#ifndef TPRUN_SPEC_BINDER_H
#define TPRUN_SPEC_BINDER_H

#include "spec/bind.h"

struct binder {
    struct arena *arena;
    struct err *e;
    const struct option *root;       /* the file's own table, which has the registry of a kind; or NULL */
    const struct option *element;    /* options of the list element that is being bound: `repeat` is none of them */
    const struct registry *registry; /* the element's */
    struct idle_keys *idle;          /* or NULL */
};

const char *bind_path(struct binder *b, const char *path, const char *name); /* "path.name" */
const char *advise(struct binder *b, const char *word, const char *const *known, size_t n);
/* "path: expected `what`, found ..." */
int bind_expected(struct binder *b, const struct node *n, const char *path, const char *what);

/* Refuses a word that belongs to another key. */
int bind_elsewhere(struct binder *b, const struct node *n, const struct option *o, const char *path);

int bind_int(struct binder *b, const struct node *n, const struct option *o, int64_t *out, const char *path);
int bind_real(struct binder *b, const struct node *n, const struct option *o, double *out, const char *path);
int bind_enum(struct binder *b, const struct node *n, const struct option *o, int *out, const char *path);
int bind_text(struct binder *b, const struct node *n, const struct option *o, const char **out, const char *path);
/* OPTION_FOLDER: `folder`, as the file of `where` has it. */
int bind_folder(struct binder *b, struct where where, const char *folder, const char **out, const char *path);
int bind_names(struct binder *b, const struct node *n, const struct option *o, struct names *out, const char *path);
int bind_reals(struct binder *b, const struct node *n, const struct option *o, struct reals *out, const char *path);

#endif
