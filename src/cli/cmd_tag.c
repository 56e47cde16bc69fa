#include "cli/writer.h"

#include "base/clean.h"
#include <string.h>

struct tag_choice {
    bool remove;
};
static const struct cli_option options[] = {
    { "remove", 0, CLI_FLAG, NULL, offsetof(struct tag_choice, remove), .help = "take these tags away" },
    { 0 },
};
static const char all[] = "SELECT study, coalesce(variant, '') AS variant, coalesce(cell, '') AS cell, seed, "
                          "coalesce(substr(key, 1, 8), '') AS \"key\", tag FROM tags WHERE ?1 = '' OR study_id || ':' "
                          "|| coalesce(trial_id, 0) = ?1 ORDER BY study, trial_id, tag";

/* A word: as people type it, and no more than fits a column. */
static int check_tag(const char *tag, struct err *e)
{
    for (const char *s = tag; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return err_set(e, ERR_USAGE, "'%s' is no tag: one word, without blanks", tag);
    if (!*tag || strlen(tag) > 64)
        return err_set(e, ERR_USAGE, "'%s' is no tag: it has 1 to 64 bytes", tag);
    return 0;
}

static int print(const struct cli *c, int64_t study, int64_t trial, struct err *e)
{
    char id[64] = "";
    const char *argument = id;
    struct query *q;
    if (study)
        snprintf(id, sizeof id, "%lld:%lld", (long long)study, (long long)trial);
    TRY(query_open(&q, c->db, e));
    const int code = cli_select(c, q, all, &argument, 1, e);
    query_close(q);
    return code;
}

static int change(const struct cli *c, struct store *store, int64_t study, int64_t trial, const char *tag, bool given,
                  struct err *e)
{
    bool changed;
    TRY(store_tag(store, study, trial, tag, given, &changed, e));
    if (!changed && !given)
        clean_print_line(stderr, "tprun: warning: %s has no tag '%s'", c->arguments.items[0], tag);
    return 0;
}

static int write(const struct cli *c, bool given, int64_t study, int64_t trial, struct err *e)
{
    struct store *store;
    int code = 0;
    for (size_t i = 1; i < c->arguments.n; i++)
        TRY(check_tag(c->arguments.items[i], e));
    for (size_t i = 1; i < c->arguments.n && given; i++) /* one that is there may be taken away */
        TRY(cli_check_words("the tag", c->arguments.items[i], e));
    TRY(cli_open_writer(c, &store, e));
    for (size_t i = 1; i < c->arguments.n && code == 0; i++)
        code = change(c, store, study, trial, c->arguments.items[i], given, e);
    return cli_close_writer(store, code, e);
}

static int run(const struct cli *c, const void *own)
{
    const struct tag_choice *o = own;
    struct err e = { 0 };
    int64_t study = 0, trial = 0;
    int code = c->arguments.n ? cli_find_object(c, c->arguments.items[0], &study, &trial, &e) : 0;
    if (code == 0 && c->arguments.n > 1)
        code = write(c, !o->remove, study, trial, &e);
    else if (code == 0)
        code = print(c, study, trial, &e);
    return cli_fail(c, code, &e);
}

const struct command command_tag = {
    .name = "tag",
    .arguments = "[STUDY|KEY [TAG]...]",
    .summary = "Give tags to a study or a trial, take them away, or list them",
    .help = "Without TAG it lists those that are there. View tags has them:\n"
            "  tprun rm --where \"trial_id IN (SELECT trial_id FROM tags WHERE tag = 'bad')\"\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, NULL },
    .own = options,
    .own_size = sizeof(struct tag_choice),
    .max_arguments = SIZE_MAX,
    .run = run,
};
