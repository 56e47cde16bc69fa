/* The runner's end of the protocol: what a worker says is read field by field, and nothing else is taken for it. */
#include "run/wire.h"

#include "../check_main.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int read_one(struct frame_buffer *b, struct wire_record *r, struct err *e)
{
    struct frame f;
    ck_assert_int_eq(frame_take(b, &f, e), 1);
    return wire_read(&f, r, e);
}

START_TEST(records_come_back)
{
    struct frame_buffer b = { 0 };
    struct wire_record r;
    struct err e = { 0 };
    frame_begin(&b, MESSAGE_LAYER_METRIC);
    frame_put_string(&b, "update_norm");
    frame_put_int(&b, 200);
    frame_put_int(&b, 3);
    frame_put_double(&b, INFINITY);
    frame_end(&b);
    ck_assert_int_eq(read_one(&b, &r, &e), 0);
    ck_assert_str_eq(r.name, "update_norm");
    ck_assert(r.step == 200 && r.layer == 3 && isinf(r.value));

    frame_begin(&b, MESSAGE_REACHED);
    frame_put_int(&b, 200);
    frame_put_int(&b, 800);
    frame_put_double(&b, NAN); /* endless data */
    frame_put_double(&b, 5e9);
    frame_put_double(&b, 7e12);
    frame_end(&b);
    ck_assert_int_eq(read_one(&b, &r, &e), 0);
    ck_assert(r.reached.step == 200 && r.reached.samples == 800 && isnan(r.reached.epoch));
    ck_assert(r.reached.spent.cpu_ns == 5e9 && r.reached.spent.flops == 7e12);

    frame_begin(&b, MESSAGE_END);
    frame_put_int(&b, ERR_DIVERGED);
    frame_put_string(&b, "train_loss is NaN");
    frame_put_int(&b, 17);
    frame_put_int(&b, -1);
    frame_put_string(&b, "train_loss");
    frame_put_string(&b, NULL);
    frame_end(&b);
    ck_assert_int_eq(read_one(&b, &r, &e), 0);
    ck_assert(r.code == ERR_DIVERGED && r.step == 17 && r.layer == -1);
    ck_assert_str_eq(r.text, "train_loss is NaN");
    ck_assert_ptr_null(r.sha256);
    frame_free(&b);
}
END_TEST

START_TEST(what_is_not_a_record_is_refused)
{
    struct frame_buffer b = { 0 };
    struct wire_record r;
    for (int type = 0; type < 256; type++) { /* no message is without fields */
        struct err e = { 0 };
        frame_begin(&b, (uint8_t)type);
        frame_end(&b);
        ck_assert_int_eq(read_one(&b, &r, &e), ERR_FORMAT);
        err_clear(&e);
    }
    struct err e = { 0 };
    frame_begin(&b, MESSAGE_METRIC);
    frame_put_string(&b, NULL); /* a metric has a name */
    frame_put_int(&b, 1);
    frame_put_double(&b, 1);
    frame_end(&b);
    ck_assert_int_eq(read_one(&b, &r, &e), ERR_FORMAT);
    err_clear(&e);
    frame_free(&b);
}
END_TEST

START_TEST(a_job_too_long_for_a_frame_is_refused)
{
    struct frame_buffer b = { 0 };
    struct err e = { 0 };
    char *config = malloc(FRAME_MAX + 1);
    ck_assert_ptr_nonnull(config);
    memset(config, ' ', FRAME_MAX);
    config[FRAME_MAX] = 0;
    struct wire_job job = { .config = config, .folder = "f", .key = "k" };
    ck_assert_int_eq(wire_put_job(&b, &job, &e), ERR_SPEC);
    err_clear(&e);
    job.config = "{}";
    ck_assert_int_eq(wire_put_job(&b, &job, &e), 0);
    struct frame f;
    ck_assert_int_eq(frame_take(&b, &f, &e), 1);
    ck_assert_int_eq(f.type, MESSAGE_JOB);
    free(config);
    frame_free(&b);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, records_come_back);
    tcase_add_test(t, what_is_not_a_record_is_refused);
    tcase_add_test(t, a_job_too_long_for_a_frame_is_refused);
}

CHECK_MAIN("wire", add_tests)
