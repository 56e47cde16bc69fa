/* What the cells of a study are chosen by where its file does not say (`tune`): a metric of validation that was logged,
 * or else one of the test set, which is then said, or of the training set. */
#ifndef TPRUN_REPORT_SELECTION_H
#define TPRUN_REPORT_SELECTION_H

#include "store/query.h"

struct selection {
    char metric[64]; /* "" where none was logged */
    bool largest;    /* is best */
    bool of_valid, of_test;
};
/* Of what the present trials of the study have logged: accuracies before losses. */
int selection_find(struct selection *s, struct query *q, const char *study, struct err *e);

#endif
