#include "cli/confirm.h"

#include "base/clean.h"
#include "base/text.h"
#include <string.h>
#include <unistd.h>

int confirm_possible(const struct confirm_choice *o, struct err *e)
{
    if (o->dry_run || o->yes || (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
        return 0;
    return err_set(e, ERR_USAGE,
                   "nothing is removed unless --yes is given or a terminal answers; --dry-run shows what would go");
}

bool confirm(const struct cli *c, const struct confirm_choice *o, const char *question)
{
    char answer[16] = "";
    if (!o->dry_run && !o->yes) {
        fflush(stdout);
        struct text t = { 0 };
        clean_terminal(&t, question, strlen(question));
        fprintf(stderr, "%s [y/N] ", t.s);
        text_free(&t);
        if (!fgets(answer, sizeof answer, stdin))
            answer[0] = '\0';
        answer[strcspn(answer, "\n")] = '\0';
    }
    if (!o->dry_run && (o->yes || !strcmp(answer, "y") || !strcmp(answer, "Y") || !strcmp(answer, "yes")))
        return true;
    if (!c->quiet)
        fprintf(stderr, "tprun: nothing was removed%s\n", o->dry_run ? " (--dry-run)" : "");
    return false;
}
