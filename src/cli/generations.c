#include "cli/generations.h"

#include "base/clean.h"
#include "report/lists.h"

static int print(void *self, int n, const char *const *v)
{
    (void)self;
    if (n < 4 || !v[0] || !v[1])
        return 0;
    if (v[0][0] == '0' && !v[0][1])
        clean_print_line(stdout, "not above: %s one-off %s (%s)", v[1], v[1][0] == '1' && !v[1][1] ? "trial" : "trials",
                         v[3] ? v[3] : "");
    else if (v[0][0] == '-')
        clean_print_line(stdout, "not above: %s replaced %s (%s)", v[1],
                         v[1][0] == '1' && !v[1][1] ? "trial" : "trials", v[3] ? v[3] : "");
    else
        clean_print_line(stdout, "not above: %s %s of generation %s (%s)", v[1],
                         v[1][0] == '1' && !v[1][1] ? "trial" : "trials", v[0], v[3] ? v[3] : "");
    return 0;
}

int generations_tell(struct query *q, const char *study, struct err *e)
{
    return query_rows(q, list_generations, &study, 1, print, NULL, e);
}
