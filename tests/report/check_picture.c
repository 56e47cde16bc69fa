/* Widths of texts, and pictures in their three forms. */
#include "check_main.h"
#include "report/legend.h"
#include "report/picture.h"
#include "report/words.h"
#include "spec/figures.h"
#include <string.h>

_Static_assert((int)FIGURE_MAX_WINNERS == (int)LEGEND_COLORS,
               "a file may ask for as many winners as can be told apart");

START_TEST(texts_fit)
{
    struct arena a;
    arena_init(&a, 0);
    const double wide = words_width("mmmm", 10), narrow = words_width("iiii", 10);
    ck_assert_double_gt(wide, 2 * narrow);
    ck_assert_double_eq_tol(words_width("mm", 20), wide, 1e-9);
    ck_assert_double_gt(words_width("中文", 10), words_width("ab", 10));
    ck_assert_str_eq(words_wrap(&a, "one two three", 10, words_width("one two", 10)), "one two\nthree");
    ck_assert_str_eq(words_wrap(&a, "", 10, 50), "");
    ck_assert_uint_eq(words_lines(words_wrap(&a, "a b c d", 10, 8)), 4);
    ck_assert_str_eq(words_cut(&a, "exactly", 10, words_width("exactly", 10)), "exactly");
    const char *cut = words_cut(&a, "much too long a name", 10, 60);
    ck_assert_double_le(words_width(cut, 10), 60.02);
    ck_assert_ptr_nonnull(strstr(cut, "…"));
    ck_assert_double_le(words_width(words_wrap(&a, "Donaudampfschifffahrtsgesellschaft", 10, 60), 10), 60.02);
    arena_finish(&a);
}
END_TEST

static void draw(struct picture *p)
{
    picture_open(p, 100.2, 50, "title <&>", "about");
    picture_group(p, "group");
    picture_text(p, 10, 20, 11, PICTURE_MIDDLE, PICTURE_INK, "a \xff\x1b < b");
    picture_group_pale(p);
    picture_line(p, 0, 0, 10, 10, PICTURE_RULE, 1, "7 4");
    picture_cross(p, 5, 5, 2, PICTURE_INK, 1);
    picture_group_end(p);
    picture_group_end(p);
    picture_point(p, 1, 2);
    picture_point(p, 3, 4);
    picture_path(p, "#0072B2", 1.8, NULL, 0.5);
    picture_point(p, 1, 2);
    picture_point(p, 3, 4);
    picture_point(p, 5, 4);
    picture_area(p, "#0072B2", 0.18);
    picture_text_rotated(p, 10, 20, 11, PICTURE_SOFT, "");
    picture_close(p);
}

START_TEST(every_form_is_written_twice_alike)
{
    static const char *const heads[] = { "<svg ", "%PDF-", "\x89PNG" };
    struct err e = { 0 };
    struct picture p = { 0 }, whole = { 0 };
    draw(&p);
    ck_assert(p.width == 101 && p.height == 50); /* whole pixels */
    picture_open(&whole, 200, 200, "two", "one below the other");
    picture_put(&whole, &p, 0, 0);
    picture_put(&whole, &p, 10, 60);
    picture_close(&whole);
    for (int format = PICTURE_SVG; format <= PICTURE_PNG; format++) {
        struct text one = { 0 }, two = { 0 };
        ck_assert_int_eq(picture_write(&whole, (enum picture_format)format, &one, &e), 0);
        ck_assert_int_eq(picture_write(&whole, (enum picture_format)format, &two, &e), 0);
        ck_assert(one.n > 100 && one.n == two.n && !memcmp(one.s, two.s, one.n));
        ck_assert(!strncmp(one.s, heads[format], strlen(heads[format])));
        if (format == PICTURE_SVG) { /* moved, as text and as points */
            ck_assert_ptr_nonnull(strstr(one.s, "<text x=\"20\" y=\"80\""));
            ck_assert_ptr_nonnull(strstr(one.s, " 11,62 13,64\""));
        }
        text_free(&one);
        text_free(&two);
    }
    picture_free(&p);
    picture_free(&whole);
}
END_TEST

/* What a page reads off it beside its shapes. */
/* A text leaves a point behind, from which a line would go on. */
START_TEST(a_path_begins_at_its_first_point)
{
    struct err e = { 0 };
    struct text drawn[2] = { { 0 }, { 0 } };
    for (int after = 0; after < 2; after++) {
        struct picture p = { 0 };
        picture_open(&p, 100, 50, "", "");
        if (after)
            picture_text(&p, 5, 15, 10, PICTURE_START, PICTURE_INK, "name");
        picture_point(&p, 80, 40);
        picture_point(&p, 80, 40);
        picture_path(&p, "#ff0000", 7, NULL, 1);
        if (!after)
            picture_text(&p, 5, 15, 10, PICTURE_START, PICTURE_INK, "name");
        picture_close(&p);
        ck_assert_int_eq(picture_png(&p, &drawn[after], &e), 0);
        picture_free(&p);
    }
    ck_assert(drawn[0].n == drawn[1].n && !memcmp(drawn[0].s, drawn[1].s, drawn[0].n));
    text_free(&drawn[0]);
    text_free(&drawn[1]);
}
END_TEST

START_TEST(a_series_has_its_columns_and_marks)
{
    static const char *const columns[PICTURE_VALUES] = { "iteration", "loss", "from", "to", "seeds" };
    const double values[PICTURE_VALUES] = { 100, 0.5, 0.4, 0.6, 3 };
    struct picture p = { 0 };
    picture_open(&p, 100, 50, "", "");
    picture_begin_series(&p, "bp", PICTURE_INK, columns, PICTURE_VALUES);
    picture_mark(&p, 10, 20, values);
    picture_close(&p);
    ck_assert_uint_eq(picture_n_series(&p), 1);
    const struct picture_series *series = picture_all_series(&p);
    ck_assert_str_eq(picture_words(&p, series->name), "bp");
    for (size_t i = 0; i < PICTURE_VALUES; i++) {
        ck_assert_str_eq(picture_words(&p, series->columns[i]), columns[i]);
        ck_assert_double_eq(picture_marks(&p, series)->values[i], values[i]);
    }
    picture_free(&p);
}
END_TEST

START_TEST(what_no_png_holds_is_refused)
{
    struct err e = { 0 };
    struct picture p = { 0 };
    struct text out = { 0 };
    picture_open(&p, 100, 20000, "", "");
    picture_close(&p);
    ck_assert_int_eq(picture_png(&p, &out, &e), ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "choose .pdf or .svg"));
    err_clear(&e);
    text_free(&out);
    picture_free(&p);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, texts_fit);
    tcase_add_test(t, every_form_is_written_twice_alike);
    tcase_add_test(t, a_path_begins_at_its_first_point);
    tcase_add_test(t, a_series_has_its_columns_and_marks);
    tcase_add_test(t, what_no_png_holds_is_refused);
}

CHECK_MAIN("picture", add_tests)
