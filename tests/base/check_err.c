#include "base/err.h"
#include "base/part.h"
#include "check_main.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char file_text[] = "algorithm:\n  propagate: difference\n\tk\xc3\xa9y: \x1b[31m bad\r\nlast";
static const struct source file = { .name = "experiments/ablate.yaml",
                                    .text = file_text,
                                    .length = sizeof file_text - 1 };

static char *printed(const struct err *e, bool color)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    ck_assert_ptr_nonnull(f);
    err_print(e, f, color);
    ck_assert_int_eq(fclose(f), 0);
    return text;
}

static void assert_printed(const struct err *e, const char *expected)
{
    char *text = printed(e, false);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(positioned_messages)
{
    struct err e = { 0 };
    const int code = err_at(&e, (struct where){ &file, 2, 14, 10 }, "algorithm.propagate: '%s' needs a mapping that %s",
                            "difference", capability_text(GIVES_APPLY));
    err_note(&e, (struct where){ &file, 1, 1, 9 }, "'pinv' does not");
    ck_assert_int_eq(code, ERR_SPEC);
    ck_assert_int_eq(e.code, ERR_SPEC);
    ck_assert_uint_eq(e.n_errors, 1);
    assert_printed(&e, "experiments/ablate.yaml:2:14: error: algorithm.propagate: 'difference' needs a mapping that "
                       "applies to targets\n"
                       "    2 |   propagate: difference\n"
                       "      |              ^~~~~~~~~~\n"
                       "experiments/ablate.yaml:1:1: note: 'pinv' does not\n"
                       "    1 | algorithm:\n"
                       "      | ^~~~~~~~~\n");
    err_clear(&e);
}
END_TEST

START_TEST(control_bytes_are_spelled_out)
{
    struct err e = { 0 };
    (void)err_at(&e, (struct where){ &file, 3, 7, 5 }, "unknown key '\x1b[2J'");
    assert_printed(&e, "experiments/ablate.yaml:3:7: error: unknown key '\\x1b[2J'\n"
                       "    3 |  k\xc3\xa9y: \\x1b[31m bad\n"
                       "      |       ^~~~~~~~\n"); /* ESC is shown in four columns */
    err_clear(&e);
}
END_TEST

START_TEST(unpositioned_and_warnings)
{
    struct err e = { 0 };
    err_warn(&e, (struct where){ 0 }, "odd");
    ck_assert_int_eq(e.code, 0);
    ck_assert_str_eq(err_first(&e), "");
    ck_assert_int_eq(err_set(&e, ERR_IO, "no %s", "disk"), ERR_IO);
    (void)err_at(&e, (struct where){ .source = &file }, "cannot be read");
    ck_assert_int_eq(e.code, ERR_IO); /* the first one counts */
    ck_assert_str_eq(err_first(&e), "no disk");
    assert_printed(&e, "tprun: warning: odd\ntprun: error: no disk\nexperiments/ablate.yaml: error: cannot be read\n");
    err_clear(&e);
    ck_assert_uint_eq(e.n_messages, 0);
}
END_TEST

START_TEST(places_outside_of_the_text)
{
    struct err e = { 0 };
    (void)err_at(&e, (struct where){ &file, 99, 1, 1 }, "beyond");
    (void)err_at(&e, (struct where){ &file, 4, 90, 4 }, "right of it");
    assert_printed(&e, "experiments/ablate.yaml:99:1: error: beyond\n"
                       "experiments/ablate.yaml:4:90: error: right of it\n"
                       "    4 | last\n"
                       "      |     ^\n");
    err_clear(&e);
}
END_TEST

START_TEST(long_lines_are_cut)
{
    static char text[100000];
    memset(text, 'x', sizeof text);
    const struct source s = { "long", text, sizeof text };
    struct err e = { 0 };
    (void)err_at(&e, (struct where){ &s, 1, 50000, 3 }, "here");
    char *out = printed(&e, false);
    ck_assert_uint_lt(strlen(out), 500);
    ck_assert_ptr_nonnull(strstr(out, "^~~\n"));
    free(out);
    err_clear(&e);
}
END_TEST

START_TEST(color_only_when_asked)
{
    struct err e = { 0 };
    (void)err_at(&e, (struct where){ &file, 1, 1, 1 }, "x");
    char *with = printed(&e, true), *without = printed(&e, false);
    ck_assert_ptr_nonnull(strchr(with, '\033'));
    ck_assert_ptr_null(strchr(without, '\033'));
    free(with);
    free(without);
    err_clear(&e);
}
END_TEST

START_TEST(messages_are_bounded_and_counted)
{
    struct err e = { 0 }, more = { 0 };
    for (int i = 0; i < ERR_MAX_MESSAGES + 50; i++)
        (void)err_set(&e, ERR_SPEC, "%d", i);
    ck_assert_uint_eq(e.n_messages, ERR_MAX_MESSAGES);
    ck_assert_uint_eq(e.n_errors, ERR_MAX_MESSAGES + 50);
    ck_assert_uint_eq(e.dropped, 50);
    (void)err_set(&more, ERR_IO, "one more");
    ck_assert_int_eq(err_move(&e, &more), ERR_SPEC);
    ck_assert_uint_eq(e.dropped, 51);
    ck_assert_uint_eq(e.n_errors, ERR_MAX_MESSAGES + 51);
    ck_assert_uint_eq(more.n_messages, 0);
    ck_assert_ptr_null(more.messages);
    char *out = printed(&e, false);
    ck_assert_ptr_nonnull(strstr(out, "51 more messages are not shown"));
    free(out);
    err_clear(&e);
}
END_TEST

START_TEST(moving_keeps_order_and_code)
{
    struct err to = { 0 }, from = { 0 };
    (void)err_set(&from, ERR_DIVERGED, "a");
    err_note(&from, (struct where){ 0 }, "b");
    ck_assert_int_eq(err_move(&to, &from), ERR_DIVERGED);
    ck_assert_int_eq(from.code, 0);
    ck_assert_uint_eq(to.n_errors, 1);
    assert_printed(&to, "tprun: error: a\ntprun: note: b\n");
    err_clear(&to);
}
END_TEST

START_TEST(exit_status)
{
    ck_assert_int_eq(err_exit_status(0), 0);
    ck_assert_int_eq(err_exit_status(ERR_SPEC), 2);
    ck_assert_int_eq(err_exit_status(ERR_USAGE), 2);
    ck_assert_int_eq(err_exit_status(ERR_LOCKED), 3);
    ck_assert_int_eq(err_exit_status(ERR_CONFLICT), 4);
    ck_assert_int_eq(err_exit_status(ERR_STORAGE), 5);
    ck_assert_int_eq(err_exit_status(ERR_MEMORY), 6);
    ck_assert_int_eq(err_exit_status(ERR_STOPPED), 75);
    ck_assert_int_eq(err_exit_status(ERR_DIVERGED), 1);
}
END_TEST

static const struct {
    const char *word, *nearest;
} slips[] = {
    { "sdg", "sgd" },
    { "stepsise", "stepsize" },
    { "step_size", "stepsize" },
    { "momemtum", "momentum" },
    { "adm", "adam" },
    { "gtd", NULL },      /* an s too few and a t too many: two slips, no exchange */
    { "rms", "rmsprop" }, /* a beginning */
    { "xyz", NULL },
    { "", NULL },
    { "bactch_size", "batch_size" },
    { "learning_rate", "stepsize" }, /* another word for it */
    { "a", NULL },
};

START_TEST(nearest_names)
{
    static const char *const names[] = { "sgd", "momentum", "rmsprop", "adam", "stepsize", "batch_size", "" };
    const char *nearest = err_nearest(slips[_i].word, names, sizeof names / sizeof *names);
    if (slips[_i].nearest)
        ck_assert_pstr_eq(nearest, slips[_i].nearest);
    else
        ck_assert_ptr_null(nearest);
}
END_TEST

START_TEST(very_long_words_have_no_neighbour)
{
    char word[1000];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const names[] = { word, "sgd" };
    ck_assert_ptr_null(err_nearest(word, names, 2));
    ck_assert_ptr_null(err_nearest("sg_", names, 1));
}
END_TEST

START_TEST(no_memory_ends_with_a_status_and_a_word)
{
    int out[2];
    char text[256] = "";
    ck_assert_int_eq(pipe(out), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        err_no_memory("%d bytes of text", 64);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), err_exit_status(ERR_MEMORY));
    ck_assert_int_gt(read(out[0], text, sizeof text - 1), 0);
    ck_assert_str_eq(text, "tprun: error: out of memory (64 bytes of text)\n");
    close(out[0]);
    close(out[1]);
}
END_TEST

START_TEST(a_message_may_be_about_a_key)
{
    struct err e = { 0 }, all = { 0 };
    err_set(&all, ERR_SPEC, "algorithm.route: a text that only begins like one");
    ck_assert_int_eq(err_about(&e, "dataset.bits", "must be 1 or 3, not %d", 2), ERR_SPEC);
    ck_assert_int_eq(e.code, ERR_SPEC);
    err_move(&all, &e);
    ck_assert_uint_eq(all.n_errors, 2);
    ck_assert_uint_eq(all.messages[0].n_key, 0);
    ck_assert_str_eq(all.messages[1].text, "dataset.bits: must be 1 or 3, not 2");
    ck_assert_uint_eq(all.messages[1].n_key, strlen("dataset.bits"));
    err_clear(&all);
}
END_TEST

static void add_tests(TCase *c)
{
    tcase_add_test(c, a_message_may_be_about_a_key);
    tcase_add_test(c, positioned_messages);
    tcase_add_test(c, control_bytes_are_spelled_out);
    tcase_add_test(c, unpositioned_and_warnings);
    tcase_add_test(c, places_outside_of_the_text);
    tcase_add_test(c, long_lines_are_cut);
    tcase_add_test(c, color_only_when_asked);
    tcase_add_test(c, messages_are_bounded_and_counted);
    tcase_add_test(c, moving_keeps_order_and_code);
    tcase_add_test(c, exit_status);
    tcase_add_loop_test(c, nearest_names, 0, (int)(sizeof slips / sizeof *slips));
    tcase_add_test(c, very_long_words_have_no_neighbour);
    tcase_add_test(c, no_memory_ends_with_a_status_and_a_word);
}

CHECK_MAIN("err", add_tests)
