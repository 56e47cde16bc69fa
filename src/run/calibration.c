#include "run/calibration.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/new_file.h"
#include "base/text.h"
#include "data/locate.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, N_NUMBERS = 8 };

static void copy_line(struct text *out, const char *name, const char *value)
{
    text_puts(out, name);
    for (const char *p = value; *p; p++)
        text_putc(out, *p == '\n' ? ' ' : *p);
    text_putc(out, '\n');
}

void calibration_init(struct calibration *c, const char *processor, const char *build, struct arena *a)
{
    char hex[65];
    struct text head = { 0 };
    *c = (struct calibration){ 0 };
    text_puts(&head, "tprun calibration 1\n");
    copy_line(&head, "processor: ", processor);
    copy_line(&head, "build: ", build);
    hash_bytes_hex(head.s, head.n, hex);
    const char *home = locate_home("XDG_CACHE_HOME", ".cache", a);
    c->head = arena_strdup(a, head.s);
    c->path = home ? arena_printf(a, "%s/tprun/calibration-%.16s", home, hex) : NULL;
    text_free(&head);
}

bool calibration_numbers(const char *text, struct trial_timing *each)
{
    double x[N_NUMBERS];
    for (int i = 0; i < N_NUMBERS; i++) {
        text += strspn(text, " ");
        const size_t n = strcspn(text, " \n");
        if (text_to_double(text, n, &x[i]) < 0 || !(x[i] >= 0) || !isfinite(x[i]))
            return false;
        text += n;
    }
    *each = (struct trial_timing){ x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7] };
    return text[strspn(text, " \n")] == 0 || *text == '\n';
}

void calibration_parse(struct calibration *c, const char *text)
{
    const size_t n = strlen(c->head);
    c->n = 0;
    if (strncmp(text, c->head, n) != 0)
        return;
    for (const char *line = text + n; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
        struct trial_timing each;
        char shape[65];
        const size_t name = strspn(line, "0123456789abcdef");
        if (name != 64 || line[64] != ' ' || !strchr(line, '\n') || !calibration_numbers(line + 65, &each))
            continue;
        memcpy(shape, line, 64);
        shape[64] = 0;
        calibration_add(c, shape, &each);
    }
    c->changed = false;
}

int calibration_read(struct calibration *c, struct err *e)
{
    struct err ignored = { 0 };
    uint64_t size;
    size_t got = 0;
    const int fd = c->path ? file_open_regular(c->path, &size, &ignored) : -1;
    char *text = fd >= 0 ? calloc(FILE_MAX + 1, 1) : NULL;
    const bool memory = fd >= 0 ? !text : ignored.code == ERR_MEMORY;
    if (text && file_read(fd, text, FILE_MAX, &got, c->path, &ignored) == 0)
        calibration_parse(c, text);
    if (fd >= 0)
        close(fd);
    free(text);
    err_clear(&ignored);
    return memory ? err_set(e, ERR_MEMORY, "%s: out of memory", c->path) : 0;
}

static void add_numbers(struct text *out, const struct trial_timing *x)
{
    const double all[N_NUMBERS] = { x->start, x->step,     x->logged_step, x->look,
                                    x->check, x->feedback, x->rows,        x->layer_rows };
    for (int i = 0; i < N_NUMBERS; i++) {
        text_putc(out, ' ');
        text_json_number(out, all[i]);
    }
    text_putc(out, '\n');
}

int calibration_write(struct calibration *c, struct err *e)
{
    if (!c->changed)
        return 0;
    if (!c->path)
        return err_set(e, ERR_IO, "neither XDG_CACHE_HOME nor HOME is set");
    struct text text = { 0 }, folder = { 0 };
    struct new_file f;
    text_puts(&text, c->head);
    for (size_t i = 0; i < c->n; i++) {
        text_puts(&text, c->items[i].shape);
        add_numbers(&text, &c->items[i].each);
    }
    text_put(&folder, c->path, (size_t)(strrchr(c->path, '/') - c->path));
    int code = file_make_folders(folder.s, ERR_IO, e);
    text_free(&folder);
    if (code == 0) {
        code = new_file_begin(&f, c->path, e);
        if (code == 0)
            code = new_file_write(&f, text.s, text.n, e);
        if (code == 0)
            code = new_file_replace(&f, e);
        new_file_end(&f);
    }
    text_free(&text);
    c->changed = code < 0;
    return code;
}

const struct trial_timing *calibration_find(const struct calibration *c, const char *shape)
{
    for (size_t i = c->n; i-- > 0;)
        if (!strcmp(c->items[i].shape, shape))
            return &c->items[i].each;
    return NULL;
}

void calibration_add(struct calibration *c, const char *shape, const struct trial_timing *each)
{
    if (c->n == CALIBRATION_MAX) {
        c->n = CALIBRATION_MAX / 2;
        memmove(c->items, c->items + CALIBRATION_MAX / 2, c->n * sizeof *c->items);
    }
    struct calibration_entry *x = &c->items[c->n++];
    snprintf(x->shape, sizeof x->shape, "%s", shape);
    x->each = *each;
    c->changed = true;
}
