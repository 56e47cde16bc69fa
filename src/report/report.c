#include "report/report.h"
int report_write(struct text *out, struct query *q, const char *const *studies, size_t n, const struct report_options *o,
                 struct err *e)
{
    (void)out; (void)q; (void)studies; (void)n; (void)o;
    return err_set(e, ERR_USAGE, "soon");
}
