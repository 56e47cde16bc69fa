#include "report/section.h"

#include <string.h>

void section_head(struct text *out, const char *const *names)
{
    size_t n = 0;
    for (; names[n]; n++)
        text_add(out, "| %s ", names[n]);
    text_puts(out, "|\n|");
    for (size_t i = 0; i < n; i++)
        text_puts(out, " --- |");
    text_putc(out, '\n');
}

void section_number(struct text *out, const char *value)
{
    double x;
    if (value && text_to_double(value, strlen(value), &x) == 0)
        text_add(out, "%.6g", x);
    else
        text_puts(out, "–");
}
