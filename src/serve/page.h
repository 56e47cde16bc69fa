/* The page: markup, style and script, compiled in. The same script shows a report in one file. */
#ifndef TPRUN_SERVE_PAGE_H
#define TPRUN_SERVE_PAGE_H

#include "base/text.h"

/* A resource of the server by the rest of its URL, "" is the page itself; NULL: there is none of the name. */
struct page_resource {
    const char *name, *type, *bytes;
};
const struct page_resource *page_find(const char *name);

#endif
