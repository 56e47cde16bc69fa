/* Hostile names, and paths of links. */
#include "base/clean.h"
#include "check_main.h"
#include "report/names.h"
#include "report/output.h"
#include <string.h>

static void expect(void (*escape)(struct text *, const char *), const char *s, const char *wanted)
{
    struct text t = { 0 };
    text_puts(&t, "");
    escape(&t, s);
    ck_assert_str_eq(t.s, wanted);
    text_free(&t);
}

START_TEST(xml)
{
    expect(clean_xml, "tp <b> & \"x\"", "tp &lt;b&gt; &amp; &quot;x&quot;");
    expect(clean_xml, "a\nb\tc", "a b c");
    expect(clean_xml, "\x01\x7f", "\xEF\xBF\xBD\xEF\xBF\xBD");
    expect(clean_xml, "Größe β 𝄞", "Größe β 𝄞");
    expect(clean_xml, "\xC3", "\xEF\xBF\xBD");                                                 /* cut */
    expect(clean_xml, "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD");                                 /* overlong */
    expect(clean_xml, "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");                 /* a surrogate */
    expect(clean_xml, "\xEF\xBF\xBE", "\xEF\xBF\xBD");                                         /* no character of XML */
    expect(clean_xml, "\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* above U+10FFFF */
    expect(clean_xml, "\xC2\x85", "\xEF\xBF\xBD"); /* a control of Latin-1 */
}
END_TEST

START_TEST(markdown)
{
    expect(clean_markdown, "a | b\nc", "a \\| b c");
    expect(clean_markdown, "<script>", "&lt;script>");
    expect(clean_markdown, "[x](javascript:y) *z* `c`", "\\[x\\](javascript:y) \\*z\\* \\`c\\`");
    expect(clean_code, "tp_off", "`tp_off`");
    expect(clean_code, "a`b|c", "`a'b\\|c`");
    expect(clean_code, "a`b\\|c", "a\\`b\\\\\\|c");
    ck_assert_uint_eq(clean_width("β = 10⁻³"), 8);
}
END_TEST

START_TEST(rows_without_a_name_are_left_out)
{
    static const char *const rows[] = { "bp", NULL, "tp" };
    struct arena a;
    arena_init(&a, 0);
    struct names names = { .a = &a };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_int_eq(names_add(&names, 1, &rows[i]), 0);
    ck_assert_uint_eq(names.n, 2);
    ck_assert_str_eq(names.items[0], "bp");
    ck_assert_str_eq(names.items[1], "tp");
    arena_finish(&a);
}
END_TEST

START_TEST(links)
{
    static const struct {
        const char *from, *target, *wanted;
    } known[] = {
        { "docs/a.md", "docs/figures/x.svg", "figures/x.svg" },
        { "docs/text/a.md", "docs/figures/x.svg", "../figures/x.svg" },
        { "./docs//a.md", "docs/./figures/x.svg", "figures/x.svg" },
        { "a.md", "./figures/x.svg", "figures/x.svg" },
        { "docs/deep/a.md", "figures/x.svg", "../../figures/x.svg" },
        { "docs/../a.md", "figures/x.svg", "figures/x.svg" },
        { "../out/a.md", "../out/figures/x.svg", "figures/x.svg" },
        { "/tmp/r/a.md", "/tmp/r/figures/x.svg", "figures/x.svg" },
        { "/tmp/r/a.md", "/tmp/s/x.svg", "../s/x.svg" },
        { "/a.md", "/figures/x.svg", "figures/x.svg" },
        { NULL, "figures/x.svg", "figures/x.svg" },
        { "a.md", "/tmp/x.svg", "/tmp/x.svg" },
        { "doc/a.md", "docs/x.svg", "../docs/x.svg" },
    };
    struct arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        ck_assert_str_eq(output_relative(&a, known[i].from, known[i].target), known[i].wanted);
    ck_assert_str_eq(output_folder(&a, "a/b/c.md"), "a/b");
    ck_assert_str_eq(output_folder(&a, "/c.md"), "/");
    ck_assert_str_eq(output_folder(&a, "c.md"), ".");
    arena_finish(&a);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, xml);
    tcase_add_test(t, markdown);
    tcase_add_test(t, rows_without_a_name_are_left_out);
    tcase_add_test(t, links);
}

CHECK_MAIN("texts", add_tests)
