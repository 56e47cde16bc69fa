/* The file of timings: read back as it was written, and thrown away when it is not ours. */
#include "../check_main.h"

#include "base/text.h"
#include "run/calibration.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct trial_timing some = { 0.0125, 1e-3, 2e-4, 0.5, 0.25, 3e-3, 3, 8 };

static char *name(char shape[65], int i)
{
    snprintf(shape, 65, "%064x", (unsigned)i);
    return shape;
}

static void open_calibration(struct calibration *c, const char *build, struct arena *a)
{
    calibration_init(c, "A processor", build, a);
}

static void check_same(const struct trial_timing *a, const struct trial_timing *b)
{
    ck_assert_ptr_nonnull(a);
    ck_assert_double_eq(a->start, b->start);
    ck_assert_double_eq(a->step, b->step);
    ck_assert_double_eq(a->logged_step, b->logged_step);
    ck_assert_double_eq(a->look, b->look);
    ck_assert_double_eq(a->check, b->check);
    ck_assert_double_eq(a->feedback, b->feedback);
    ck_assert_double_eq(a->rows, b->rows);
    ck_assert_double_eq(a->layer_rows, b->layer_rows);
}

struct cache {
    char folder[64];
    struct arena arena;
    struct calibration *c;
};

static void make_cache(struct cache *x)
{
    *x = (struct cache){ .folder = "/tmp/tprun-cache-XXXXXX" };
    ck_assert_ptr_nonnull(mkdtemp(x->folder));
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", x->folder, 1), 0);
    arena_init(&x->arena, 0);
    x->c = arena_need(&x->arena, 1, sizeof *x->c);
}

static void remove_cache(struct cache *x)
{
    char command[128];
    arena_finish(&x->arena);
    ck_assert_int_eq(unsetenv("XDG_CACHE_HOME"), 0);
    snprintf(command, sizeof command, "rm -r '%s'", x->folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(it_is_read_as_it_was_written)
{
    struct cache x;
    struct err e = { 0 };
    char shape[65];
    make_cache(&x);
    open_calibration(x.c, "1", &x.arena);
    ck_assert_int_eq(calibration_read(x.c, &e), 0); /* there is none: that is no error */
    ck_assert_uint_eq(x.c->n, 0);
    ck_assert_int_eq(calibration_write(x.c, &e), 0); /* nor is there anything to keep */
    ck_assert_int_ne(access(x.c->path, F_OK), 0);
    calibration_add(x.c, name(shape, 7), &some);
    ck_assert_int_eq(calibration_write(x.c, &e), 0);
    open_calibration(x.c, "1", &x.arena);
    ck_assert_int_eq(calibration_read(x.c, &e), 0);
    check_same(calibration_find(x.c, name(shape, 7)), &some);
    ck_assert_ptr_null(calibration_find(x.c, name(shape, 8)));
    ck_assert(!x.c->changed);
    open_calibration(x.c, "2", &x.arena); /* another build has a file of its own */
    ck_assert_int_eq(calibration_read(x.c, &e), 0);
    ck_assert_uint_eq(x.c->n, 0);
    remove_cache(&x);
}
END_TEST

/* Only the lines that are whole count; another head, and nothing does. */
START_TEST(damage_is_left_out)
{
    struct arena a;
    char shape[65];
    struct text text = { 0 };
    arena_init(&a, 0);
    struct calibration *c = arena_need(&a, 1, sizeof *c);
    open_calibration(c, "1", &a);
    text_puts(&text, c->head);
    text_add(&text, "%s 1 2 3 4 5 6 7 8\n", name(shape, 1));
    text_add(&text, "%s 1 2 3 4 5 6 7\n", name(shape, 2));
    text_add(&text, "%s 1 2 -3 4 5 6 7 8\n", name(shape, 3));
    text_add(&text, "%s 1 2 nan 4 5 6 7 8\n", name(shape, 4));
    text_puts(&text, "\x01\xff rubbish\n\n");
    text_add(&text, "%s 1 2 3 4 5 6 7 8", name(shape, 5)); /* cut off */
    calibration_parse(c, text.s);
    ck_assert_uint_eq(c->n, 1);
    check_same(calibration_find(c, name(shape, 1)), &(struct trial_timing){ 1, 2, 3, 4, 5, 6, 7, 8 });
    text.s[0] = 'T';
    calibration_parse(c, text.s);
    ck_assert_uint_eq(c->n, 0);
    calibration_parse(c, "");
    ck_assert_uint_eq(c->n, 0);
    text_free(&text);
    arena_finish(&a);
}
END_TEST

START_TEST(the_oldest_make_room)
{
    struct arena a;
    char shape[65];
    arena_init(&a, 0);
    struct calibration *c = arena_need(&a, 1, sizeof *c);
    open_calibration(c, "1", &a);
    for (int i = 0; i <= CALIBRATION_MAX; i++)
        calibration_add(c, name(shape, i), &some);
    ck_assert_uint_eq(c->n, CALIBRATION_MAX / 2 + 1);
    ck_assert_ptr_null(calibration_find(c, name(shape, 0)));
    check_same(calibration_find(c, name(shape, CALIBRATION_MAX)), &some);
    check_same(calibration_find(c, name(shape, CALIBRATION_MAX - 1)), &some);
    arena_finish(&a);
}
END_TEST

/* No cache: the timings are good for once, and what cannot be kept is told. */
START_TEST(nowhere_to_keep_it)
{
    struct cache x;
    struct err e = { 0 };
    char shape[65];
    make_cache(&x);
    open_calibration(x.c, "1", &x.arena);
    char *in_the_way = arena_printf(&x.arena, "%s/tprun", x.folder);
    FILE *f = fopen(in_the_way, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(calibration_read(x.c, &e), 0);
    calibration_add(x.c, name(shape, 1), &some);
    ck_assert_int_eq(calibration_write(x.c, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(err_first(&e), x.folder));
    err_clear(&e);
    remove_cache(&x);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, it_is_read_as_it_was_written);
    tcase_add_test(t, damage_is_left_out);
    tcase_add_test(t, the_oldest_make_room);
    tcase_add_test(t, nowhere_to_keep_it);
}
CHECK_MAIN("calibration", add_tests)
