#include "cli/writer.h"

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
