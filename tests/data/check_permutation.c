#include "check_main.h"
#include "fixture.h"

enum { N = 3000 };

START_TEST(symbols_and_labels)
{
    struct fixture f = fixture_open("permutation", (const char *const[]){ "length", "20", NULL }, 1);
    ck_assert(f.shape.length == 20 && f.shape.features == 100 && f.shape.outputs == 100);
    ck_assert(f.shape.classes && f.shape.sequence && f.shape.train_size == 0);
    int count[100] = { 0 };
    const struct batch b = fixture_fill(&f, SPLIT_TRAIN, 0, N);
    for (size_t row = 0; row < N; row++)
        for (size_t t = 0; t < 20; t++) {
            const size_t symbol = fixture_symbol(fixture_x(&f, &b, t, row), 100);
            if ((symbol < 2) != (t == 0) || (t == 0 && b.label[row] != (int64_t)symbol))
                ck_abort_msg("row %zu, step %zu: symbol %zu", row, t, symbol);
            count[symbol]++;
        }
    fixture_uniform(count, 2);
    fixture_uniform(count + 2, 98);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, symbols_and_labels);
}

CHECK_MAIN("permutation", add_tests)
