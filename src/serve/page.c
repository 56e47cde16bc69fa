#include "serve/page.h"

#include "page_files.h"
#include <string.h>

static const struct page_resource resources[] = {
    { "", "text/html; charset=utf-8", page_html },
    { "page.css", "text/css; charset=utf-8", page_css },
    { "values.js", "text/javascript; charset=utf-8", values_js },
    { "source.js", "text/javascript; charset=utf-8", source_js },
    { "table.js", "text/javascript; charset=utf-8", table_js },
    { "figure.js", "text/javascript; charset=utf-8", figure_js },
    { "views.js", "text/javascript; charset=utf-8", views_js },
    { "page.js", "text/javascript; charset=utf-8", page_js },
};

const struct page_resource *page_find(const char *name)
{
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
        if (!strcmp(resources[i].name, name))
            return &resources[i];
    return NULL;
}
