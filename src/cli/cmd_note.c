#include "cli/writer.h"

#include "base/clean.h"
#include <string.h>

enum { NOTE_MAX = 64 << 10 };

static int print_note(void *self, int n, const char *const *values)
{
    (void)self;
    if (n > 0 && values[0])
        clean_print_line(stdout, "%s", values[0]);
    return 0;
}

static int print(const struct cli *c, int64_t study, int64_t trial, struct err *e)
{
    char id[64];
    const char *argument = id;
    struct query *q;
    snprintf(id, sizeof id, "%lld:%lld", (long long)study, (long long)trial);
    TRY(query_open(&q, c->db, e));
    const int code = query_rows(q, "SELECT text FROM note WHERE study_id || ':' || trial_id = ?1", &argument, 1,
                                print_note, NULL, e);
    query_close(q);
    return code;
}

static int write(const struct cli *c, int64_t study, int64_t trial, struct err *e)
{
    const char *text = c->arguments.items[1];
    struct store *store;
    if (strlen(text) > NOTE_MAX)
        return err_set(e, ERR_USAGE, "the note has more than 64 KB");
    TRY(cli_check_words("the note", text, e));
    TRY(cli_open_writer(c, &store, e));
    return cli_close_writer(store, store_note(store, study, trial, *text ? text : NULL, e), e);
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct err e = { 0 };
    int64_t study, trial;
    int code = cli_find_object(c, c->arguments.items[0], &study, &trial, &e);
    if (code == 0)
        code = c->arguments.n > 1 ? write(c, study, trial, &e) : print(c, study, trial, &e);
    return cli_fail(c, code, &e);
}

const struct command command_note = {
    .name = "note",
    .arguments = "STUDY|KEY [TEXT]",
    .summary = "Write a note on a study or a trial, or read it",
    .help = "TEXT replaces what is there; an empty one takes it away. Without TEXT the note is printed.\n"
            "`tprun show` and view notes have it too.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
