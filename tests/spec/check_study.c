#include "fixture.h"
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static struct study study;

#define HEAD "version: 1\nexperiment: e\n"

static int open_with(const char *text, const char *profile, const char *const *overrides, size_t n)
{
    return study_parse(&study, "t.yaml", text, strlen(text), profile, overrides, n, &arena, &err);
}

static int open_text(const char *text)
{
    return open_with(text, NULL, NULL, 0);
}

static const char *tree_of(uint64_t i)
{
    struct study_trial t;
    if (study_trial(&study, i, &t, &arena, &err) < 0 || t.excluded)
        return messages();
    return json(t.tree);
}

static void close_all(void)
{
    study_close(&study);
    teardown();
}

START_TEST(the_smallest_file)
{
    ck_assert_int_eq(open_text(HEAD), 0);
    uint64_t n = 0;
    ck_assert_int_eq(study_count(&study, 0, &n, &err), 0);
    ASSERT_SOUND();
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(study.name, "e");
    ck_assert_ptr_null(study.title);
    ck_assert_uint_eq(study.n_seeds, 1);
    ck_assert_int_eq(study.seeds[0], 1);
    ck_assert_str_eq(study.variants[0], "base");
    ck_assert_str_eq(tree_of(0), "{}");
    ck_assert_str_eq(study.text.s, "{\"experiment\":\"e\",\"version\":1}");
}
END_TEST

static const char whole[] = "version: 1\n"
                            "experiment: temporal_order\n"
                            "title: Temporal order\n"
                            "source: {paper: roulet2022, locator: Figure 3a}\n"
                            "x-shared: &shared {stepsize: 0.1}\n"
                            "seeds: 3\n"
                            "dataset: {name: temporal_order, length: 60}\n"
                            "network:\n"
                            "  layers:\n"
                            "    - rnn: {units: 100}\n"
                            "    - dense: {units: 4}\n"
                            "train: {optimizer: {name: sgd, <<: *shared}, iterations: 40000}\n"
                            "variants:\n"
                            "  tp: {algorithm: {name: tp}}\n"
                            "  bp: {algorithm: {name: bp}, train: {optimizer: {stepsize: 1e-5, nesterov: true}}}\n"
                            "sweep:\n"
                            "  grid: {train.batch_size: [16, 32]}\n"
                            "  zip: {size: {network.layers.0.rnn.units: [50, 100], train.loss: [a, b]}}\n"
                            "  exclude: [{variant: bp, network.layers.0.rnn.units: 50}]\n"
                            "profiles:\n"
                            "  smoke: {seeds: 1, train: {iterations: 200}, sweep: null}\n"
                            "  one: {variants: {bp: null}, sweep.grid.train.batch_size: [1]}\n"
                            "claims:\n"
                            "  - {id: c1, text: it works, reported: 100, measure: SELECT 1, expect: [99.5, null]}\n"
                            "  - {id: c2, measure: SELECT 2, expect: 5}\n";

START_TEST(a_whole_file)
{
    uint64_t n = 0;
    ck_assert_int_eq(open_text(whole), 0);
    ASSERT_SOUND();
    ck_assert_int_eq(study_count(&study, 100, &n, &err), 0);
    ck_assert_uint_eq(n, 2 * 2 * 2 * 3);
    ck_assert_str_eq(study.title, "Temporal order");
    ck_assert_str_eq(study.paper, "roulet2022");
    ck_assert_str_eq(study.locator, "Figure 3a");
    ck_assert_uint_eq(study.n_variants, 2);
    ck_assert_uint_eq(study.n_claims, 2);
    ck_assert(study.claims[0].has_reported && study.claims[0].reported == 100);
    ck_assert(study.claims[0].has_low && study.claims[0].low == 99.5 && !study.claims[0].has_high);
    ck_assert(!study.claims[1].has_reported && study.claims[1].low == 5 && study.claims[1].high == 5);
    ck_assert_str_eq(tree_of(0),
                     "{\"algorithm\":{\"name\":\"tp\"},\"dataset\":{\"length\":60,\"name\":\"temporal_order\"},"
                     "\"network\":{\"layers\":[{\"rnn\":{\"units\":50}},{\"dense\":{\"units\":4}}]},"
                     "\"train\":{\"batch_size\":16,\"iterations\":40000,\"loss\":\"a\",\"optimizer\":{\"name\":\"sgd\","
                     "\"stepsize\":0.1}}}");
    struct study_trial t; /* the last: seed fastest, then zip, grid, variant */
    ck_assert_int_eq(study_trial(&study, 23, &t, &arena, &err), 0);
    ck_assert_str_eq(t.variant, "bp");
    ck_assert_int_eq(t.seed, 3);
    ck_assert(!t.excluded);
    ck_assert_uint_eq(t.n_coordinates, 3);
    ck_assert_str_eq(t.coordinates[0].key, "train.batch_size");
    ck_assert(t.coordinates[0].number == 32);
    ck_assert_str_eq(t.coordinates[1].key, "network.layers.0.rnn.units");
    ck_assert_str_eq(t.coordinates[1].text, "100");
    ck_assert_str_eq(t.coordinates[2].text, "b");
    ck_assert(isnan(t.coordinates[2].number));
    ck_assert_str_eq(json(tree_find(t.tree, "train.optimizer")),
                     "{\"name\":\"sgd\",\"nesterov\":true,\"stepsize\":1e-5}");
    ck_assert_uint_eq(tree_find(t.tree, "train.batch_size")->where.line, 17); /* a late check points at the sweep */
}
END_TEST

START_TEST(exclusions)
{
    size_t n_excluded = 0;
    ck_assert_int_eq(open_text(whole), 0);
    for (uint64_t i = 0; i < 24; i++) {
        struct study_trial t;
        ck_assert_int_eq(study_trial(&study, i, &t, &arena, &err), 0);
        ck_assert_int_eq(t.excluded, strcmp(t.variant, "bp") == 0 && t.coordinates[1].number == 50);
        ck_assert_int_eq(t.excluded, t.tree == NULL);
        n_excluded += t.excluded;
    }
    ck_assert_uint_eq(n_excluded, 2 * 3);
}
END_TEST

START_TEST(profiles)
{
    uint64_t n = 0;
    ck_assert_int_eq(open_with(whole, "smoke", NULL, 0), 0);
    ck_assert_int_eq(study_count(&study, 0, &n, &err), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_nonnull(strstr(tree_of(0), "\"iterations\":200"));
    ck_assert_ptr_null(strstr(study.text.s, "profiles"));
    study_close(&study);
    ck_assert_int_eq(open_with(whole, "one", NULL, 0), ERR_SPEC); /* bp is excluded by name, but is no more */
    ck_assert_str_eq(messages(), "19:23: sweep.exclude: there is no variant bp\n");
    study_close(&study);
    ck_assert_int_eq(open_with(whole, "smok", NULL, 0), ERR_SPEC);
    ck_assert_str_eq(messages(), "20:1: unknown profile 'smok'; did you mean 'smoke'?\n");
    study_close(&study);
    ck_assert_int_eq(open_with(whole, "x", NULL, 0), ERR_SPEC);
    ck_assert_str_eq(messages(), "20:1: unknown profile 'x'; known: smoke, one\n");
    study_close(&study);
    ck_assert_int_eq(open_with(HEAD, "x", NULL, 0), ERR_SPEC);
    ck_assert_str_eq(messages(), "0:0: unknown profile 'x': the file has no profiles\n");
}
END_TEST

START_TEST(overrides)
{
    uint64_t n = 0;
    const char *const good[] = { "seeds=[7]",           "sweep.grid.train.batch_size=null",
                                 "train.batch_size=5",  "train.optimizer.name=adam",
                                 "variants.bp=null",    "sweep.exclude=null",
                                 "algorithm.name=null", "title=new" };
    (void)open_with(whole, NULL, good, sizeof good / sizeof *good);
    ASSERT_SOUND();
    ck_assert_int_eq(study_count(&study, 0, &n, &err), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(study.title, "new");
    ck_assert_int_eq(study.seeds[0], 7);
    const char *tree = tree_of(0);
    ck_assert_ptr_nonnull(strstr(tree, "\"batch_size\":5"));
    ck_assert_ptr_nonnull(strstr(tree, "\"optimizer\":{\"name\":\"adam\"}")); /* sgd's options went with it */
    ck_assert_ptr_nonnull(strstr(tree, "\"algorithm\":{}"));                  /* removed */
    study_close(&study);

    const char *const bad[] = { "train.batch_size=5", "network=x",      "train={a: 1}",
                                "profiles.x=1",       "extends=a.yaml", "network.layers.0.rnn.units=2" };
    ck_assert_int_eq(open_with(whole, NULL, bad, 1), ERR_SPEC);
    ck_assert_str_eq(messages(),
                     "1:1: 'train.batch_size' is swept; set sweep.grid.train.batch_size=[...] to change its values, or "
                     "sweep.grid.train.batch_size=null to sweep it no more\n"
                     "  17:16: it is swept here\n");
    study_close(&study);
    ck_assert_int_eq(open_with(whole, NULL, bad + 1, 1), ERR_SPEC); /* it would replace what is swept */
    ck_assert_ptr_nonnull(strstr(
        messages(), "'network.layers.0.rnn.units' is swept; set sweep.zip.size.network.layers.0.rnn.units=[...]"));
    study_close(&study);
    ck_assert_int_eq(open_with(whole, NULL, bad + 2, 1), 0); /* beside it */
    study_close(&study);
    ck_assert_int_eq(open_with(whole, NULL, bad + 3, 2), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:1: 'profiles' cannot be set on the command line; choose one with --profile\n"
                                 "1:1: 'extends' cannot be set on the command line\n");
    study_close(&study);
    ck_assert_int_eq(open_with(whole, NULL, bad + 5, 1), ERR_SPEC);
    ck_assert_ptr_nonnull(strstr(messages(), "is swept"));
}
END_TEST

START_TEST(an_override_adds_no_variant)
{
    const char *const bad[] = { "variants.bpp.algorithm=bp", "variants={bp: {a: 1}, x: {}}", "variants.bp.seed=1" };
    ck_assert_int_eq(open_with(whole, NULL, bad, 1), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:1: the file has no variant 'bpp' that could be changed; did you mean 'bp'?\n");
    study_close(&study);
    ck_assert_int_eq(open_with(whole, NULL, bad + 1, 1), ERR_SPEC);
    ck_assert_ptr_nonnull(strstr(messages(), "the file has no variant 'x' that could be changed; known: "));
    study_close(&study);
    ck_assert_int_eq(open_with(HEAD, NULL, bad + 2, 1), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:1: the file has no variant 'bp' that could be changed\n");
    study_close(&study);
}
END_TEST

START_TEST(an_override_keeps_what_is_swept_beside_it)
{
    const char *const name[] = { "train.optimizer.name=adam" };
    ck_assert_int_eq(open_with(HEAD
                               "train.optimizer: {name: sgd, momentum: 1}\nsweep.grid.train.optimizer.stepsize: [1, 2]",
                               NULL, name, 1),
                     0);
    ck_assert_str_eq(tree_of(1), "{\"train\":{\"optimizer\":{\"name\":\"adam\",\"stepsize\":2}}}");
}
END_TEST

static const struct {
    const char *yaml, *tree;
} references[] = {
    { "a: {b: 5}\nc: ${a.b}\nd: x${a.b}y${a.b}", "{\"a\":{\"b\":5},\"c\":5,\"d\":\"x5y5\"}" },
    { "a: {b: 5}\nc: ${a}", "{\"a\":{\"b\":5},\"c\":{\"b\":5}}" },
    { "a: ${b}\nb: ${c}\nc: [1]", "{\"a\":[1],\"b\":[1],\"c\":[1]}" },
    { "a: $${b}\nb: '$x {y} $'", "{\"a\":\"${b}\",\"b\":\"$x {y} $\"}" },
    { "x-n: 7\na: ${x-n}\nb: run-${experiment}", "{\"a\":7,\"b\":\"run-e\"}" },
    { "a: [1, 2]\nb: ${a.1}", "{\"a\":[1,2],\"b\":2}" },
    { "a: 1\nb: ${a}\nvariants: {v: {a: 2, c: \"${b}\"}}", "{\"a\":2,\"b\":2,\"c\":2}" }, /* after all overlays */
    { "a: 1\nb: ${a}\nsweep.grid.a: [9]", "{\"a\":9,\"b\":9}" },
    { "x-l: [4]\nsweep.grid.a: ${x-l}", "{\"a\":4}" },
    { "b: 3\nsweep.grid.a: [\"${b}\"]", "{\"a\":3,\"b\":3}" },
    /* wrong ones */
    { "a: ${b}\nb: ${a}", "3:4: '${b}' refers to itself\n4:4: '${a}' refers to itself\n" },
    { "a: {b: \"${a}\"}", "3:8: '${a}' refers to itself\n" },
    { "a: ${b.c}\nb: 1", "3:4: '${b.c}': there is no such key\n" },
    { "a: x${b}\nb: [1]", "3:4: '${b}' is a list; only a single value fits into a string\n" },
    { "a: \"x${b\"", "3:4: '${' without '}'; write '$${' for the text itself\n" },
};

START_TEST(interpolation)
{
    char *text = NULL;
    ck_assert_int_gt(asprintf(&text, HEAD "%s\n", references[_i].yaml), 0);
    ck_assert_int_eq(open_text(text), 0);
    ASSERT_SOUND();
    ck_assert_str_eq(tree_of(0), references[_i].tree);
    free(text);
}
END_TEST

START_TEST(interpolation_bombs)
{
    struct text t = { 0 };
    text_puts(&t, HEAD "a0: [1, 1]\n");
    for (int i = 1; i < 40; i++)
        text_add(&t, "a%d: [\"${a%d}\", \"${a%d}\"]\n", i, i - 1, i - 1);
    ck_assert_int_eq(open_text(t.s), 0);
    ck_assert_ptr_nonnull(strstr(tree_of(0), "more than 64 levels or 100000 values once every '${}' is resolved\n"));
    study_close(&study);
    text_clear(&t);
    text_puts(&t, HEAD "a0: xxxxxxxx\n");
    for (int i = 1; i < 40; i++)
        text_add(&t, "a%d: \"${a%d}${a%d}\"\n", i, i - 1, i - 1);
    ck_assert_int_eq(open_text(t.s), 0);
    ck_assert_ptr_nonnull(strstr(tree_of(0), "longer than 65536 bytes once '${a"));
    text_free(&t);
}
END_TEST

static const struct {
    const char *yaml, *said;
} mistakes[] = {
    { "[1]", "1:1: an experiment file is a map of keys, not a list\n" },
    { "x: 1", "1:1: missing required key 'version'\n1:1: missing required key 'experiment'\n" },
    { "version: 2\nexperiment: A b\n", "1:10: version: 2 is not known; this program reads version 1\n2:13: experiment: "
                                       "'A b' is no name for a study; use a-z, 0-9 and _, at most 100 of them\n" },
    { HEAD "source: {papr: x}", "3:10: unknown key 'papr' in source; did you mean 'paper'?\n" },
    { HEAD "title: [x]\nsource: y", "3:8: title: expected a string, found a list\n4:9: source: expected a map with the "
                                    "keys paper and locator, found a string 'y'\n" },
    { HEAD "seeds: 0", "3:8: seeds: 0 is out of range; expected an integer >= 1 and <= 1000000\n" },
    { HEAD "seeds: many", "3:8: seeds: expected an integer, found a string 'many'\n" },
    { HEAD "seeds: [1, 2, 1]", "3:15: seeds: 1 is listed twice\n" },
    { HEAD "seeds: [1, -2, x]", "3:12: seeds: -2 is out of range; expected an integer >= 0 and <= 9e15\n3:16: seeds: "
                                "expected an integer, found a string 'x'\n" },
    { HEAD "seeds: []", "3:8: seeds: an empty list leaves no trial\n" },
    { HEAD "seeds: {from: 1, cont: 1}", "3:18: unknown key 'cont' in seeds; did you mean 'count'?\n" },
    { HEAD "seeds: {from: 0, count: 1e12}",
      "3:25: seeds.count: 1e12 is out of range; expected an integer >= 1 and <= 1000000\n" },
    { HEAD "variants: [a]", "3:11: variants: expected a map of partial files, found a list\n" },
    { HEAD "variants: {a b: {}, c: 1, d: {seeds: 2}}",
      "3:12: variants: 'a b' is no name for a variant; use letters, digits, _ and -, at most 100 of them\n"
      "3:24: variants.c: expected a partial file, found the number 1\n3:31: variants.d: 'seeds' belongs to the study, "
      "not to a variant of its trials\n" },
    { HEAD "variants:\n  plain:\n  other: {a: 1}", "4:3: variants.plain: null removes a variant, but there is none to "
                                                   "remove; write 'plain: {}' for one without changes\n" },
    { HEAD "profiles: {p: {profiles: {}, extends: x}, q: 1}",
      "3:16: profiles.p: a profile cannot contain 'profiles'\n3:30: profiles.p: a profile cannot contain 'extends'\n"
      "3:46: profiles.q: expected a partial file, found the number 1\n" },
    { HEAD "extends: x.yaml", "3:10: extends: only a file can extend another file\n" },
    { HEAD "claims: {a: 1}", "3:9: claims: expected a list of at most 1000 claims, found a map\n" },
    { HEAD "claims: [{id: a, measur: x}, 5, {id: a, measure: y, expect: [2, 1]}, {id: b, measure: z, expect: [1], "
           "reported: q}]",
      "3:18: unknown key 'measur' in claims.0; did you mean 'measure'?\n"
      "3:30: claims.1: expected a map, found the number 5\n3:61: claims.2.expect: low is above high\n3:33: claims.2: "
      "the id 'a' is taken\n  3:10: by this claim\n"
      "3:113: claims.3.reported: expected a number, found a string 'q'\n3:98: claims.3.expect: expected [low, high], "
      "found a list of another length\n" },
    { HEAD "seeds: ${nothing}", "3:8: '${nothing}': there is no such key\n" },
};

START_TEST(every_mistake_at_once)
{
    ck_assert_int_eq(open_text(mistakes[_i].yaml), ERR_SPEC);
    ck_assert_str_eq(messages(), mistakes[_i].said);
}
END_TEST

START_TEST(seeds)
{
    ck_assert_int_eq(open_text(HEAD "seeds: {from: 5, count: 3}"), 0);
    ck_assert_uint_eq(study.n_seeds, 3);
    ck_assert_int_eq(study.seeds[2], 7);
    study_close(&study);
    ck_assert_int_eq(open_text(HEAD "seeds: [9, 0]"), 0);
    ck_assert_int_eq(study.seeds[0], 9);
    study_close(&study);
    ck_assert_int_eq(open_text(HEAD "seeds: 3"), 0);
    ck_assert_int_eq(study.seeds[0], 1);
    ck_assert_int_eq(study.seeds[2], 3);
}
END_TEST

static char folder[] = "/tmp/tprun-study-XXXXXX";

static const char *write_file(const char *name, const char *text)
{
    const char *path = arena_printf(&arena, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    return path;
}

static int open_path(const char *path)
{
    return study_open(&study, path, NULL, NULL, 0, &arena, &err);
}

START_TEST(extending)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *const sub = arena_printf(&arena, "%s/sub", folder);
    ck_assert_int_eq(mkdir(sub, 0700), 0);
    const char *const files[] = {
        write_file("sub/base.yaml",
                   "version: 1\na: {x: 1, y: 2}\nseeds: 5\nprofiles: {p: {a.x: 9}}\nvariants: {v: {}, w: {}}\n"),
        write_file("middle.yaml", "extends: sub/base.yaml\na.y: 3\nb: null\n"),
        write_file("top.yaml", "extends: middle.yaml\nexperiment: top\na: {x: null, z: 4}\nvariants: {w: null}\n"),
        write_file("cycle.yaml", "extends: cycle.yaml\n"),
        write_file("up.yaml", "extends: sub/../../x.yaml\n"),
        write_file("absolute.yaml", "extends: /etc/passwd\n"),
        write_file("missing.yaml", "extends: nothing.yaml\n"),
        write_file("device.yaml", "extends: '-'\n"),
    };
    ck_assert_int_eq(open_path(files[2]), 0);
    ASSERT_SOUND();
    ck_assert_str_eq(tree_of(0),
                     "{\"a\":{\"y\":3,\"z\":4},\"b\":null}"); /* a null that removes nothing may be a slip */
    ck_assert_uint_eq(study.n_seeds, 5);
    ck_assert_uint_eq(study.n_variants, 1);
    study_close(&study);
    ck_assert_int_eq(study_open(&study, files[2], "p", NULL, 0, &arena, &err), 0);
    ck_assert_str_eq(tree_of(0), "{\"a\":{\"x\":9,\"y\":3,\"z\":4},\"b\":null}");
    study_close(&study);
    ck_assert_int_eq(open_path(files[3]), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:10: extends: more than 8 files in a chain, or a cycle\n");
    ck_assert_int_eq(open_path(files[4]), ERR_SPEC);
    ck_assert_str_eq(messages(),
                     "1:10: extends: 'sub/../../x.yaml' must be a file beside this one or in a folder below it\n");
    ck_assert_int_eq(open_path(files[5]), ERR_SPEC);
    ck_assert_str_eq(messages(),
                     "1:10: extends: '/etc/passwd' must be a file beside this one or in a folder below it\n");
    ck_assert_int_eq(open_path(files[6]), ERR_SPEC);
    ck_assert_str_eq(messages(), "0:0: cannot be read: No such file or directory\n  1:10: it is extended here\n");
    ck_assert_int_eq(open_path(files[7]), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:10: extends: '-' must be a file beside this one or in a folder below it\n");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        ck_assert_int_eq(unlink(files[i]), 0);
    ck_assert_int_eq(rmdir(sub), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* A rule about names must not be gone round by a link: of the file, or of a folder on the way. */
START_TEST(extending_through_links)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    static const char *const names[] = { "in/sub", "in", "out", NULL };
    for (size_t i = sizeof names / sizeof *names - 1; i-- > 0;)
        ck_assert_int_eq(mkdir(arena_printf(&arena, "%s/%s", folder, names[i]), 0700), 0);
    static const char file_whole[] = "version: 1\nexperiment: whole\na: 1\n";
    const char *const files[] = {
        write_file("out/base.yaml", file_whole),
        write_file("in/sub/base.yaml", file_whole),
        write_file("in/file.yaml", "extends: link.yaml\n"),
        write_file("in/above.yaml", "extends: above/base.yaml\n"),
        write_file("in/chain.yaml", "extends: sub/next.yaml\n"),
        write_file("in/sub/next.yaml", "extends: link.yaml\n"),
        write_file("in/inside.yaml", "extends: inner/base.yaml\n"),
        write_file("in/dangling.yaml", "extends: nowhere.yaml\n"),
    };
    static const char *const links[][2] = { { "../out/base.yaml", "in/link.yaml" },
                                            { "../out", "in/above" },
                                            { "../../out/base.yaml", "in/sub/link.yaml" },
                                            { "sub", "in/inner" },
                                            { "nothing", "in/nowhere.yaml" },
                                            { "in", "seen" } };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        ck_assert_int_eq(symlink(links[i][0], arena_printf(&arena, "%s/%s", folder, links[i][1])), 0);
    static const char leads_out[] =
        "1:10: extends: '%s' is or goes through a symbolic link that leads out of the folder of this file\n";
    ck_assert_int_eq(open_path(files[2]), ERR_SPEC);
    ck_assert_str_eq(messages(), arena_printf(&arena, leads_out, "link.yaml"));
    ck_assert_int_eq(open_path(files[3]), ERR_SPEC);
    ck_assert_str_eq(messages(), arena_printf(&arena, leads_out, "above/base.yaml"));
    ck_assert_int_eq(open_path(files[4]), ERR_SPEC);
    ck_assert_str_eq(messages(), arena_printf(&arena, leads_out, "link.yaml"));
    ck_assert_int_eq(open_path(files[7]), ERR_SPEC);
    ck_assert_str_eq(messages(), "0:0: cannot be read: No such file or directory\n  1:10: it is extended here\n");
    /* one that stays inside is a file like any other, also when the folder itself is reached by a link */
    ck_assert_int_eq(open_path(files[6]), 0);
    study_close(&study);
    ck_assert_int_eq(open_path(arena_printf(&arena, "%s/seen/inside.yaml", folder)), 0);
    study_close(&study);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        ck_assert_int_eq(unlink(arena_printf(&arena, "%s/%s", folder, links[i][1])), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        ck_assert_int_eq(unlink(files[i]), 0);
    for (size_t i = 0; names[i]; i++)
        ck_assert_int_eq(rmdir(arena_printf(&arena, "%s/%s", folder, names[i])), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* ---- what a study is ---- */

static const char *identity_of(const char *text, const char *profile, const char *override)
{
    struct text t = { 0 };
    ck_assert_int_eq(open_with(text, profile, &override, override ? 1 : 0), 0);
    ASSERT_SOUND();
    study_identity(&study, &t);
    const char *kept = arena_strdup(&arena, t.s);
    text_free(&t);
    study_close(&study);
    return kept;
}

/* The same file said otherwise is the same study; whatever else differs makes another, and no two of them are one. */
START_TEST(identities)
{
    static const struct {
        const char *text, *profile, *override;
    } others[] = {
        { HEAD "seeds: 2\na: 1\nb: {c: 2}\nprofiles: {p: {title: t}}\n", NULL, NULL },
        { HEAD "seeds: 2\na: 1\nb: {c: 2}\nprofiles: {p: {title: t}}\n", "p", NULL },
        { HEAD "seeds: 2\na: 1\nb: {c: 2}\nprofiles: {p: {title: t}}\n", NULL, "a=2" },
        { HEAD "seeds: 2\na: 1\nb: {c: 2}\nprofiles: {p: {title: t}}\n", NULL, "seeds=3" },
        { HEAD "seeds: 2\na: 1\nb: {c: 3}\nprofiles: {p: {title: t}}\n", NULL, NULL },
        { HEAD "seeds: 2\na: 1\nb: {c: 2}\nclaims: [{id: c, measure: SELECT 1, expect: 1}]\n", NULL, NULL },
        { HEAD "seeds: 2\na: 1\nb: {c: 2}\ntitle: u\n", NULL, NULL },
        { HEAD "a: 1\nvariants: {x: {b: 1}, y: {b: 2}}\n", NULL, NULL },
        { HEAD "a: 1\nvariants: {y: {b: 2}, x: {b: 1}}\n", NULL, NULL },
        { HEAD "a: 1\nvariants: {x: {b: 1}, z: {b: 2}}\n", NULL, NULL },
        { HEAD "b: 1\nsweep: {grid: {c: [1, 2], d: [1, 2]}}\n", NULL, NULL },
        { HEAD "b: 1\nsweep: {grid: {d: [1, 2], c: [1, 2]}}\n", NULL, NULL },
        { HEAD "b: 1\nsweep: {grid: {c: [2, 1], d: [1, 2]}}\n", NULL, NULL },
    };
    enum { N = sizeof others / sizeof *others };
    const char *identity[N];
    for (size_t i = 0; i < N; i++) {
        identity[i] = identity_of(others[i].text, others[i].profile, others[i].override);
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(strcmp(identity[i], identity[j]) != 0, "%zu and %zu are one study", i, j);
    }
    ck_assert_str_eq(identity[0], identity_of("b: {\"c\": 2} # the same\nprofiles: {p: {title: t}}\na:    1\nseeds: 2\n"
                                              "experiment: e\nversion: 1\n",
                                              NULL, NULL));
}
END_TEST

#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

static void add_tests(TCase *c)
{
    tcase_add_checked_fixture(c, setup, close_all);
    tcase_add_test(c, the_smallest_file);
    tcase_add_test(c, a_whole_file);
    tcase_add_test(c, exclusions);
    tcase_add_test(c, profiles);
    tcase_add_test(c, overrides);
    tcase_add_test(c, an_override_adds_no_variant);
    tcase_add_test(c, an_override_keeps_what_is_swept_beside_it);
    tcase_add_loop_test(c, interpolation, 0, COUNT(references));
    tcase_add_test(c, interpolation_bombs);
    tcase_add_loop_test(c, every_mistake_at_once, 0, COUNT(mistakes));
    tcase_add_test(c, seeds);
    tcase_add_test(c, extending);
    tcase_add_test(c, extending_through_links);
    tcase_add_test(c, identities);
}

CHECK_MAIN("study", add_tests)
