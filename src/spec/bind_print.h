/* What printing bound structs as JSON and leaf by leaf have in common. */
#ifndef TPRUN_SPEC_BIND_PRINT_H
#define TPRUN_SPEC_BIND_PRINT_H

#include "spec/bind.h"

/* An option's value in the struct of its table. */
const void *bind_field_of(const struct option *o, const void *in);
/* False for an OPTION_NULLABLE that the file left out, or that is as its default says: it is not printed. */
bool bind_is_set(const struct option *o, const void *field);
/* A list of one that is written as its part alone. */
bool bind_is_one(const struct option *o, const struct chosen_list *list);
/* Lists as JSON, appended to out; coarse: of a number only whether it is 0. */
void bind_json_names(const struct names *names, struct text *out);
void bind_json_reals(const struct reals *reals, bool coarse, struct text *out);

#endif
