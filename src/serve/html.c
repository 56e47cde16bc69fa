#include "serve/html.h"

#include "base/arena.h"
#include "base/clean.h"
#include "base/hash.h"
#include "report/lists.h"
#include "report/names.h"
#include "report/subject.h"
#include "serve/page.h"
#include "serve/target.h"
#include "serve/views.h"
#include <assert.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

/* JSON inside of a script element: its strings alone can have a <, which would begin a tag. */
static void put_json(struct text *out, const struct text *json)
{
    for (size_t i = 0; i < json->n; i++) {
        if (json->s[i] == '<')
            text_puts(out, "\\u003c");
        else
            text_putc(out, json->s[i]);
    }
}

/* One answer under the request that the script asks for. */
static int put_answer(struct text *out, struct query *q, const char *request, struct err *e)
{
    struct text name = { 0 }, json = { 0 };
    const int code = view_answer(&json, q, request, e);
    clean_json(&name, request, strlen(request));
    text_puts(out, ",\n");
    put_json(out, &name);
    text_puts(out, ": ");
    put_json(out, &json);
    text_free(&name);
    text_free(&json);
    return code;
}

static int put_view(struct text *out, struct query *q, const char *view, const char *study, struct err *e)
{
    struct text request = { 0 };
    text_puts(&request, view);
    target_add(&request, "study", study);
    const int code = put_answer(out, q, request.s, e);
    text_free(&request);
    return code;
}

/* kind, metric: NULL for none. */
static int put_figure(struct text *out, struct query *q, const char *study, const char *kind, const char *metric,
                      struct err *e)
{
    struct text request = { 0 };
    text_puts(&request, "figure");
    target_add(&request, "study", study);
    if (kind)
        target_add(&request, "kind", kind);
    if (metric)
        target_add(&request, "metric", metric);
    const int code = put_answer(out, q, request.s, e);
    text_free(&request);
    return code;
}

/* What the controls of the page offer in such a report: src/serve/views.js. */
static int put_figures(struct text *out, struct query *q, struct arena *a, const char *study, struct err *e)
{
    struct names metrics = { .a = a }, layers = { .a = a };
    bool found;
    double n_numeric = 0;
    TRY(query_rows(q, view_metrics, &study, 1, names_add, &metrics, e));
    TRY(query_rows(q, view_layer_metrics, &study, 1, names_add, &layers, e));
    TRY(query_number(q, view_n_numeric, &study, 1, &found, &n_numeric, e));
    TRY(put_figure(out, q, study, NULL, NULL, e));
    TRY(put_figure(out, q, study, "curves", NULL, e));
    TRY(put_figure(out, q, study, "heatmap", NULL, e));
    for (size_t i = 0; i < metrics.n; i++) {
        TRY(put_figure(out, q, study, "curves", metrics.items[i], e));
        if (n_numeric >= 2)
            TRY(put_figure(out, q, study, "heatmap", metrics.items[i], e));
    }
    for (size_t i = 0; i < layers.n; i++) {
        TRY(put_figure(out, q, study, "layers", layers.items[i], e));
        TRY(put_figure(out, q, study, "curves", layers.items[i], e));
    }
    return 0;
}

static int put_studies(struct text *out, struct query *q, const struct names *studies, struct err *e)
{
    char *bytes = NULL;
    size_t size = 0;
    struct text sql = { 0 }, json = { 0 };
    FILE *rows = open_memstream(&bytes, &size);
    if (!rows)
        return err_set(e, ERR_MEMORY, "out of memory");
    text_add(&sql, "SELECT * FROM (%s) WHERE study = ?1", list_studies);
    const int code = query_print_each(q, sql.s, studies->items, studies->n, FORMAT_JSON, rows, e);
    if (fclose(rows) == 0 && code == 0)
        text_put(&json, bytes, size);
    text_puts(out, ",\n\"studies\": {\"studies\": ");
    put_json(out, &json);
    text_puts(out, "}");
    text_free(&sql);
    text_free(&json);
    free(bytes);
    return code;
}

static int put_data(struct text *out, struct query *q, struct arena *a, const struct names *studies, const char *title,
                    struct err *e)
{
    static const char *const views[] = { "progress", "trials", "choices", "claims", "costs" };
    struct text name = { 0 };
    text_puts(out, "{\"\": {\"title\": ");
    clean_json(&name, title ? title : "", title ? strlen(title) : 0);
    put_json(out, &name);
    text_puts(out, "}");
    text_free(&name);
    TRY(put_studies(out, q, studies, e));
    for (size_t i = 0; i < studies->n; i++) {
        for (size_t v = 0; v < sizeof views / sizeof views[0]; v++)
            TRY(put_view(out, q, views[v], studies->items[i], e));
        TRY(put_figures(out, q, a, studies->items[i], e));
    }
    text_puts(out, "}\n");
    return 0;
}

/* 'sha256-...' of what an element holds: the browser runs and applies nothing else. */
static void put_digest(struct text *out, const struct text *content)
{
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1] = "";
    sha256_init(&ctx);
    sha256_update(&ctx, content->n, (const uint8_t *)content->s);
    sha256_digest(&ctx, sizeof digest, digest);
    base64_encode_raw(text, sizeof digest, digest);
    text_add(out, "'sha256-%s'", text);
}

/* The page with the files that it names put into it, line by line: the style where it is named, the scripts at the end
 * of the body, behind the data. */
static void put_page(struct text *out, const struct text *data)
{
    struct text script = { 0 }, style = { 0 };
    text_puts(&style, page_find("page.css")->bytes);
    const char *page = page_find("")->bytes;
    for (const char *at = page; (at = strstr(at, "<script src=\"")); at++) {
        char name[64] = "";
        const int read = sscanf(at, "<script src=\"%63[^\"]\"", name);
        assert(read == 1 && page_find(name)); /* they are ours */
        text_puts(&script, page_find(name)->bytes);
    }
    for (const char *line = page; *line; line += strcspn(line, "\n") + 1) {
        const size_t n = strcspn(line, "\n");
        if (!strncmp(line, "<link rel=\"stylesheet\"", 22)) {
            text_puts(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src ");
            put_digest(out, &script);
            text_puts(out, "; style-src ");
            put_digest(out, &style);
            text_puts(out, "; img-src data:; base-uri 'none'; form-action 'none'\">\n<style>");
            text_put(out, style.s, style.n);
            text_puts(out, "</style>\n");
        } else if (!strncmp(line, "</body>", 7)) {
            text_puts(out, "<script type=\"application/json\" id=\"data\">");
            text_put(out, data->s, data->n);
            text_puts(out, "</script>\n<script>");
            text_put(out, script.s, script.n);
            text_puts(out, "</script>\n</body>\n");
        } else if (strncmp(line, "<script src=", 12) != 0) {
            text_put(out, line, n);
            text_putc(out, '\n');
        }
    }
    text_free(&script);
    text_free(&style);
}

static int choose(struct names *chosen, struct query *q, const char *const *studies, size_t n, struct err *e)
{
    if (n == 0) {
        TRY(query_rows(q, "SELECT name FROM study ORDER BY name", NULL, 0, names_add, chosen, e));
        return chosen->n ? 0 : err_set(e, ERR_USAGE, "the database has no studies");
    }
    for (size_t i = 0; i < n; i++) {
        struct subject s;
        TRY(subject_read(&s, q, chosen->a, studies[i], e)); /* an error names the nearest */
        bool twice = false;
        for (size_t k = 0; k < chosen->n; k++)
            twice = twice || !strcmp(chosen->items[k], s.name);
        if (!twice)
            (void)names_add(chosen, 1, &s.name);
    }
    return 0;
}

int html_write(struct text *out, struct query *q, const char *const *studies, size_t n, const char *title,
               struct err *e)
{
    struct text data = { 0 };
    struct arena a;
    arena_init(&a, 0);
    struct names chosen = { .a = &a };
    int code = choose(&chosen, q, studies, n, e);
    if (code == 0)
        code = put_data(&data, q, &a, &chosen, title, e);
    if (code == 0)
        put_page(out, &data);
    text_free(&data);
    arena_finish(&a);
    return code;
}
