#include "serve/server.h"

int server_run(const struct server_options *o, struct err *e)
{
    (void)o;
    return err_set(e, ERR_USAGE,
                   "this tprun was built without the page: libmicrohttpd was not there (Debian: libmicrohttpd-dev); "
                   "`tprun report --html` writes the same views into a file");
}
