/* The part of a report on one study: paragraphs and tables, each in a file of its own. Each writes nothing when it has
 * nothing to tell. */
#ifndef TPRUN_REPORT_SECTION_H
#define TPRUN_REPORT_SECTION_H

#include "base/text.h"
#include "report/subject.h"

enum { SECTION_MAX_ROWS = 24 /* groups that a table lists one by one */, SECTION_MAX_TRIALS = 30 };

struct section {
    struct text *out;
    struct query *q;
    struct arena *a;
    const struct subject *subject;
};

int section_settings(const struct section *s,
                     struct err *e); /* what the variants differ in, what is swept, what all share */
int section_results(const struct section *s, struct err *e);   /* trials by state; last and best values, mean and sd */
int section_tuned(const struct section *s, struct err *e);     /* cells chosen by validation, and what choosing took */
int section_claims(const struct section *s, struct err *e);    /* verdicts, and why a claim is undecided */
int section_accidents(const struct section *s, struct err *e); /* trials that diverged or failed */
int section_costs(const struct section *s, struct err *e);     /* time per iteration; machines and builds */

/* "| name | name |" and the line below it; the names are closed by NULL. */
void section_head(struct text *out, const char *const *names);
/* A number, or a dash for NULL: a column of query_rows. */
void section_number(struct text *out, const char *value);

#endif
