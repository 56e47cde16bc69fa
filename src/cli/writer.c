#include "cli/writer.h"

#include "base/text.h"
#include "store/meant.h"
#include <string.h>

int cli_open_writer(const struct cli *c, struct store **store, struct err *e)
{
    struct query *q;
    *store = NULL;
    TRY(query_open(&q, c->db, e));
    query_close(q);
    return store_open(store, c->db, e);
}

int cli_close_writer(struct store *store, int code, struct err *e)
{
    struct err closing = { 0 };
    if (store_close(store, &closing) < 0 && code == 0)
        code = err_move(e, &closing);
    err_clear(&closing);
    return code;
}

static int find_object(const struct cli *c, struct query *q, const char *name, int64_t *study, int64_t *trial,
                       struct err *e)
{
    bool found;
    double number = 0;
    char digits[32];
    const char *argument = digits;
    *trial = 0;
    TRY(query_number(q, "SELECT id FROM study WHERE name = ?1", &name, 1, &found, &number, e));
    if (!found) {
        if (!cli_is_key(name))
            return meant_no_study(q, name, "; a trial is named by at least 4 digits of its key", e);
        TRY(cli_find_trial(c, q, name, trial, e));
        snprintf(digits, sizeof digits, "%lld", (long long)*trial);
        TRY(query_number(q, "SELECT study_id FROM trial WHERE id = CAST(?1 AS INTEGER)", &argument, 1, &found, &number,
                         e));
    }
    *study = (int64_t)number;
    return 0;
}

int cli_find_object(const struct cli *c, const char *name, int64_t *study, int64_t *trial, struct err *e)
{
    struct query *q;
    TRY(query_open(&q, c->db, e));
    const int code = find_object(c, q, name, study, trial, e);
    query_close(q);
    return code;
}

int cli_check_words(const char *what, const char *text, struct err *e)
{
    size_t n = 0;
    for (size_t left = strlen(text); left > 0; left -= n, text += n) {
        n = text_utf8_length(text, left);
        if (n == 0)
            return err_set(e, ERR_USAGE, "%s is not UTF-8", what);
    }
    return 0;
}
