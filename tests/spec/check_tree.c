#include "fixture.h"

static const struct {
    const char *yaml, *json;
} trees[] = {
    { "a: 1\nb: [x, 2.50, 1e-5, true, ~, 'null', \"1\"]", "{\"a\":1,\"b\":[\"x\",2.5,1e-5,true,null,\"null\",\"1\"]}" },
    { "b: 1\na: {d: no, c: off}", "{\"a\":{\"c\":\"off\",\"d\":\"no\"},\"b\":1}" }, /* YAML 1.2: no is a string */
    { "a: 0x1F\nb: 0o17\nc: 12:30:45\nd: 010\ne: 1_000",
      "{\"a\":31,\"b\":15,\"c\":\"12:30:45\",\"d\":10,\"e\":\"1_000\"}" },
    { "a: .inf\nb: .nan\nc: 1e400", "{\"a\":\".inf\",\"b\":\".nan\",\"c\":\"1e400\"}" },
    { "a: 1.0\nb: -0\nc: 1e3\nd: 9007199254740993", "{\"a\":1,\"b\":0,\"c\":1000,\"d\":9007199254740993}" },
    { "a: !!str 1\nb: !!int \"1\"\nc: ! 2", "{\"a\":\"1\",\"b\":1,\"c\":2}" },
    { "- 1\n- - 2\n  - {}\n- []", "[1,[2,{}],[]]" },
    { "a: |\n  two\n  lines\nb: >\n  one\n  line\n", "{\"a\":\"two\\nlines\\n\",\"b\":\"one line\\n\"}" },
    { "{\"a\": [1, {\"b\": null}], \"c\": \"\\u00e9\"}",
      "{\"a\":[1,{\"b\":null}],\"c\":\"\xc3\xa9\"}" }, /* JSON is YAML */
    { "\xef\xbb\xbf"
      "a: 1",
      "{\"a\":1}" },
    { "---\na: 1\n...\n", "{\"a\":1}" },
    { "a: 'x'\r\nb: y\r\n", "{\"a\":\"x\",\"b\":\"y\"}" },
    /* dotted keys */
    { "a.b.c: 1\na.b.d: 2\na.e: 3", "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":3}}" },
    { "a: {x: 1}\na.y: 2\na.z.w: 3", "{\"a\":{\"x\":1,\"y\":2,\"z\":{\"w\":3}}}" },
    { "a.y: 2\na: {x: 1, z: {v: 4}}\na.z.w: 3", "{\"a\":{\"x\":1,\"y\":2,\"z\":{\"v\":4,\"w\":3}}}" },
    { "- {a.b: 1, \"a.c\": 2}", "[{\"a\":{\"b\":1,\"c\":2}}]" },
    /* anchors and merging: a map's own keys win, an earlier map wins over a later one */
    { "a: &x {k: 1}\nb: *x\nc: [*x, *x]", "{\"a\":{\"k\":1},\"b\":{\"k\":1},\"c\":[{\"k\":1},{\"k\":1}]}" },
    { "x-a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3, m: 4}", "{\"b\":{\"k\":1,\"l\":3,\"m\":4},\"x-a\":{\"k\":1,\"l\":2}}" },
    { "x: &x {k: 1}\ny: &y {k: 2, l: 2}\nb: {m: 0, <<: [*x, *y]}",
      "{\"b\":{\"k\":1,\"l\":2,\"m\":0},\"x\":{\"k\":1},\"y\":{\"k\":2,\"l\":2}}" },
    { "x: &x {t: {a: 1, b: 2}}\nc: {<<: *x, t: {a: 3}}\nd: {<<: *x, t.a: 3}", /* shallow, but a dotted key is a leaf */
      "{\"c\":{\"t\":{\"a\":3}},\"d\":{\"t\":{\"a\":3,\"b\":2}},\"x\":{\"t\":{\"a\":1,\"b\":2}}}" },
    { "x: &x {t: {a: 1}}\nc: {<<: *x, t.a: 3}\nd: *x",
      "{\"c\":{\"t\":{\"a\":3}},\"d\":{\"t\":{\"a\":1}},\"x\":{\"t\":{\"a\":1}}}" },
    /* parts of an algorithm keep options, others do not */
    { "x: &x {algorithm: {u: {name: p, r: 1}, v: q}, o: {name: p, r: 1}}\nb: {<<: *x, algorithm.u.name: s, o.name: s}",
      "{\"b\":{\"algorithm\":{\"u\":{\"name\":\"s\",\"r\":1},\"v\":\"q\"},\"o\":{\"name\":\"s\"}},\"x\":{\"algorithm\":"
      "{"
      "\"u\":{\"name\":\"p\",\"r\":1},\"v\":\"q\"},\"o\":{\"name\":\"p\",\"r\":1}}}" },
    { "x: &x {u: {name: p, r: 1}}\nalgorithm: {<<: *x, u.name: s}\nc: {<<: *x, u.name: s}",
      "{\"algorithm\":{\"u\":{\"name\":\"s\",\"r\":1}},\"c\":{\"u\":{\"name\":\"s\"}},\"x\":{\"u\":{\"name\":\"p\","
      "\"r\":1}}}" },
    { "x: &x {algorithm: {u: {name: p, r: 1}}}\nb: {<<: *x, algorithm.u: s}\nv.algorithm: {<<: {u: {name: p, r: 1}}, "
      "u.name: s}",
      "{\"b\":{\"algorithm\":{\"u\":{\"name\":\"s\",\"r\":1}}},\"v\":{\"algorithm\":{\"u\":{\"name\":\"s\",\"r\":1}}},"
      "\"x\":{\"algorithm\":{\"u\":{\"name\":\"p\",\"r\":1}}}}" },
    { "algorithm: {<<: {u: {name: p, r: 1}, v: p, n: 1, feedback: {k: 1}}, u: s, v: {r: 2}, n: 2, feedback: {l: 2}}",
      "{\"algorithm\":{\"feedback\":{\"l\":2},\"n\":2,\"u\":{\"name\":\"s\",\"r\":1},\"v\":{\"name\":\"p\",\"r\":2}}"
      "}" },
    { "algorithm: {<<: {u: {name: p, r: 1}, v: {name: p, r: 1}}, u: {name: s, q: 2}, v: null}",
      "{\"algorithm\":{\"u\":{\"name\":\"s\",\"q\":2,\"r\":1},\"v\":null}}" },
    { "x: &x {algorithm: {u: 1}}\nb: {<<: *x, algorithm.v: null}", /* for what lies below the whole map */
      "{\"b\":{\"algorithm\":{\"u\":1,\"v\":null}},\"x\":{\"algorithm\":{\"u\":1}}}" },
    { "a: {'<<': 1}", "{\"a\":{\"<<\":1}}" },
    { "a: &k b\n*k : 1", "{\"a\":\"b\",\"b\":1}" },
};

START_TEST(reads)
{
    const struct node *n = parse(trees[_i].yaml);
    ASSERT_SOUND();
    ck_assert_ptr_nonnull(n);
    ck_assert_str_eq(json(n), trees[_i].json);
}
END_TEST

START_TEST(json_reads_back)
{
    const struct node *n = parse(trees[_i].yaml);
    ck_assert_ptr_nonnull(n);
    char *first = strdup(json(n));
    const struct node *again = parse(first);
    ASSERT_SOUND();
    ck_assert_str_eq(json(again), first);
    free(first);
}
END_TEST

START_TEST(places)
{
    struct node *n = parse("train:\n  optimizer: {name: sgd, stepsize: 0.1}\n  a.bc.d: x\n\xc3\xa9: \"y\"\n");
    ASSERT_SOUND();
    const struct node *stepsize = tree_find(n, "train.optimizer.stepsize");
    ck_assert_uint_eq(stepsize->where.line, 2);
    ck_assert_uint_eq(stepsize->where.column, 36);
    ck_assert_uint_eq(stepsize->where.length, 3);
    ck_assert_str_eq(stepsize->where.source->name, "t.yaml");
    const struct node *bc = tree_key(tree_find(n, "train.a"), "bc");
    ck_assert_uint_eq(bc->where.column, 5);
    ck_assert_uint_eq(bc->where.length, 2);
    const struct node *y = tree_find(n, "\xc3\xa9");
    ck_assert_uint_eq(y->where.column, 4); /* characters, not bytes */
    ck_assert_uint_eq(y->where.length, 3);
}
END_TEST

static const struct {
    const char *yaml, *said;
} mistakes[] = {
    { "", "0:0: the file is empty\n" },
    { "# nothing\n", "0:0: the file is empty\n" },
    { "a: 1\nb: 2\na: 3", "3:1: duplicate key 'a'\n  1:1: it is given here as well\n" },
    { "a.b: 1\na: {c: 1, b: 2}", "2:11: duplicate key 'b'\n  1:1: it is given here as well\n" },
    { "a: 1\na.b: 2", "2:1: 'a.b' goes into 'a', which is not a map\n  1:1: it is given here\n" },
    { "a.b: {c: 1}\na.b: {d: 1}", "2:1: duplicate key 'a.b'\n  1:1: it is given here as well\n" },
    { "a..b: 1\n.c: 2\nd.: 3\n'': 4", "1:1: empty name in the key 'a..b'\n2:1: empty name in the key '.c'\n3:1: empty "
                                      "name in the key 'd.'\n4:1: empty name in the key ''\n" },
    { "[a]: 1\nb: 2\n{c: d}: 3",
      "1:1: a key must be a single word, not a list\n3:1: a key must be a single word, not a map\n" },
    { "a: 1\n---\nb: 2", "2:1: a second document begins here; a file holds one\n" },
    { "a: *x", "1:4: alias '*x' has no anchor '&x' before it\n" },
    { "a: &a [1, *a]", "1:11: alias '*a' stands inside of what it names: a cycle\n" },
    { "a: &a {b: {c: *a}}", "1:15: alias '*a' stands inside of what it names: a cycle\n" },
    { "a: {<<: 1}\nb: {<<: [2]}",
      "1:9: '<<' takes a map or a list of maps\n2:10: '<<' takes a map or a list of maps\n" },
    { "x: &x {a: 1}\nb: {<<: *x, <<: *x}",
      "2:13: duplicate key '<<'\n  2:5: it is given here as well; '<<: [*a, *b]' takes several\n" },
    { "a: !python/object:os.system 1",
      "1:4: unknown tag '!python/object:os.system' on a scalar; tags are not needed\n" },
    { "a: !!map [1]\nb: !!set {c}", "1:4: unknown tag 'tag:yaml.org,2002:map' on a list; tags are not needed\n"
                                    "2:4: unknown tag 'tag:yaml.org,2002:set' on a map; tags are not needed\n" },
    { "a: \"x\\0y\"", "1:4: a string with a NUL byte in it\n" },
    { "\ta: 2", "1:1: not YAML: found character that cannot start any token while scanning for the next token "
                "(indent with blanks, not with tabs)\n" },
    { "a: [1, 2", "1:9: not YAML: did not find expected ',' or ']' while parsing a flow sequence\n" },
    { "a: b: c", "1:5: not YAML: mapping values are not allowed in this context\n" },
    { "a:\n  - 1\n b: 2",
      "3:2: not YAML: did not find expected key while parsing a block mapping\n  1:1: it begins here\n" },
    { "a: 'x", "1:6: not YAML: found unexpected end of stream while scanning a quoted scalar\n" },
    { "a: 1\nb: \xff", "2:4: not YAML in UTF-8: invalid leading UTF-8 octet (0xff at byte 8)\n" },
    { "a: \xc0\xaf", "1:4: not YAML in UTF-8: invalid length of a UTF-8 sequence (at byte 3)\n" },
    { "a: \xed\xa0\x80", "1:4: not YAML in UTF-8: invalid Unicode character (0xd800 at byte 3)\n" },
    { "a: \x1b[31m", "1:4: not YAML in UTF-8: control characters are not allowed (0x1b at byte 3)\n" },
    { "\xff\xfe"
      "a\0:\0 \0"
      "1\0",
      "0:0: the file is in UTF-16; save it as UTF-8\n" },
};

START_TEST(refuses)
{
    const struct node *n = parse(mistakes[_i].yaml);
    ck_assert_ptr_null(n);
    ck_assert_str_eq(messages(), mistakes[_i].said);
}
END_TEST

START_TEST(finds_and_sets)
{
    struct node *n = parse("network:\n  layers:\n    - rnn: {units: 10}\n    - dense: {units: 4}\n");
    struct node *before = n;
    ck_assert_str_eq(tree_find(n, "network.layers.0.rnn.units")->text, "10");
    ck_assert_ptr_null(tree_find(n, "network.layers.2"));
    ck_assert_ptr_null(tree_find(n, "network.layers.00"));
    ck_assert_ptr_null(tree_find(n, "network.layers.0.rnn.units.x"));
    ck_assert_ptr_null(tree_find(n, ""));
    struct node *value = parse("50");
    ck_assert_int_eq(tree_set(&n, "network.layers.0.rnn.units", value, &arena, &err), 0);
    ck_assert_int_eq(tree_set(&n, "train.optimizer.stepsize", value, &arena, &err), 0);
    ck_assert_str_eq(json(n), "{\"network\":{\"layers\":[{\"rnn\":{\"units\":50}},{\"dense\":{\"units\":4}}]},"
                              "\"train\":{\"optimizer\":{\"stepsize\":50}}}");
    ck_assert_str_eq(json(before), "{\"network\":{\"layers\":[{\"rnn\":{\"units\":10}},{\"dense\":{\"units\":4}}]}}");
    ck_assert_int_eq(tree_set(&n, "network.layers.2.dense", value, &arena, &err), ERR_SPEC);
    ck_assert_int_eq(tree_set(&n, "train.optimizer.stepsize.x", value, &arena, &err), ERR_SPEC);
    ck_assert_int_eq(tree_set(&n, "train.stop", parse("null"), &arena, &err), 0);
    ck_assert_int_eq(tree_set(&n, "train.stop.target", value, &arena, &err), ERR_SPEC);
    ck_assert_int_eq(tree_set(&n, "a..b", value, &arena, &err), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:1: 'network.layers.2.dense': '2' is not an index of a list of 2\n"
                                 "1:1: 'train.optimizer.stepsize.x': there is nothing below "
                                 "'train.optimizer.stepsize', which is a single value\n"
                                 "1:1: 'train.stop.target': there is nothing below 'train.stop', which is null: "
                                 "to keep a part of it, set the other keys to null\n"
                                 "1:1: 'a..b' is not a path of names and dots\n");
}
END_TEST

/* What YAML takes for a comment, a directive or a mark between documents. */
START_TEST(overrides_that_are_no_value)
{
    static const char *const none[] = { "t=#", "t= #12", "t=%x", "t=---", "t=... x" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_ptr_null(tree_override(none[i], &arena, &err));
    ck_assert_str_eq(messages(), "1:3: t: in YAML '#' begins a comment; for the text write t='\"#\"'\n"
                                 "1:4: t: in YAML '#' begins a comment; for the text write t='\"#12\"'\n"
                                 "1:3: t: in YAML '%' begins a directive; for the text write t='\"%x\"'\n"
                                 "1:3: t: in YAML that marks a document; for the text write t='\"---\"'\n"
                                 "1:3: t: in YAML that marks a document; for the text write t='\"... x\"'\n");
}
END_TEST

START_TEST(comments_behind_overrides_are_told)
{
    ck_assert_str_eq(json(tree_override("t=a #b", &arena, &err)), "{\"t\":\"a\"}");
    ck_assert_uint_eq(err.n_errors, 0);
    ck_assert_uint_eq(err.n_messages, 1);
    ck_assert_ptr_nonnull(strstr(err.messages[0].text, "t: in YAML ' #' begins a comment"));
    ck_assert_str_eq(json(tree_override("t=a#b", &arena, &err)), "{\"t\":\"a#b\"}");
    ck_assert_str_eq(json(tree_override("t='a #b'", &arena, &err)), "{\"t\":\"a #b\"}");
    ck_assert_str_eq(json(tree_override("t=--x", &arena, &err)), "{\"t\":\"--x\"}");
    ck_assert_uint_eq(err.n_messages, 1);
}
END_TEST

START_TEST(overrides)
{
    struct node *n = tree_override("train.optimizer.stepsize=1e-3", &arena, &err);
    ASSERT_SOUND();
    ck_assert_str_eq(json(n), "{\"train\":{\"optimizer\":{\"stepsize\":0.001}}}");
    ck_assert_uint_eq(tree_find(n, "train.optimizer.stepsize")->where.column, 26);
    ck_assert_str_eq(json(tree_override("a=null", &arena, &err)), "{\"a\":null}");
    ck_assert_str_eq(json(tree_override("a=[1, {b: x}]", &arena, &err)), "{\"a\":[1,{\"b\":\"x\"}]}");
    ck_assert_str_eq(json(tree_override("a=b=c", &arena, &err)), "{\"a\":\"b=c\"}");
    ASSERT_SOUND();
    ck_assert_ptr_null(tree_override("nonsense", &arena, &err));
    ck_assert_ptr_null(tree_override("=1", &arena, &err));
    ck_assert_ptr_null(tree_override("a=[1", &arena, &err));
    ck_assert_ptr_null(tree_override("a..b=1", &arena, &err));
    ck_assert_ptr_null(tree_override("a=", &arena, &err));
    ck_assert_ptr_null(tree_override("a.b= \t", &arena, &err));
    ck_assert_str_eq(messages(),
                     "1:1: 'nonsense' is not of the form key=value\n1:1: '=1' is not of the form key=value\n"
                     "1:5: not YAML: did not find expected ',' or ']' while parsing a flow sequence\n"
                     "1:1: 'a..b' is not a path of names and dots\n"
                     "1:3: a: no value; a=null leaves the key out, and a='\"\"' is an empty text\n"
                     "1:7: a.b: no value; a.b=null leaves the key out, and a.b='\"\"' is an empty text\n");
}
END_TEST

static const struct {
    const char *base, *over, *json;
} overlays[] = {
    { "{a: 1, b: {c: 2, d: 3}}", "{b: {c: 4}, e: 5}", "{\"a\":1,\"b\":{\"c\":4,\"d\":3},\"e\":5}" },
    { "{a: 1, b: {c: 2, d: 3}}", "{a: null, b: {d: ~}}", "{\"b\":{\"c\":2}}" },
    { "{a: 1}", "{b: {c: null, d: {e: null}}}", "{\"a\":1,\"b\":{\"d\":{}}}" },
    { "{a: [1, 2, 3]}", "{a: [4]}", "{\"a\":[4]}" },
    { "{a: [1, {b: 2, c: 3}]}", "{a: {1: {b: 5}}}", "{\"a\":[1,{\"b\":5,\"c\":3}]}" },
    { "{a: [1]}", "{a: {b: 1}}", "{\"a\":{\"b\":1}}" },
    { "{a: {b: 1}}", "{a: 2}", "{\"a\":2}" },
    { "{a: 2}", "{a: {b: 1}}", "{\"a\":{\"b\":1}}" },
    /* parts */
    { "o: {name: sgd, momentum: 0.9}", "o: {name: adam}", "{\"o\":{\"name\":\"adam\"}}" },
    { "o: {name: sgd, momentum: 0.9}", "o: {name: sgd, stepsize: 1}",
      "{\"o\":{\"momentum\":0.9,\"name\":\"sgd\",\"stepsize\":1}}" },
    { "o: {name: sgd, momentum: 0.9}", "o: {stepsize: 1}",
      "{\"o\":{\"momentum\":0.9,\"name\":\"sgd\",\"stepsize\":1}}" },
    { "o: sgd", "o: {stepsize: 1}", "{\"o\":{\"name\":\"sgd\",\"stepsize\":1}}" },
    { "o: sgd", "o: {name: sgd, stepsize: 1}", "{\"o\":{\"name\":\"sgd\",\"stepsize\":1}}" },
    { "o: sgd", "o: {name: adam, stepsize: 1}", "{\"o\":{\"name\":\"adam\",\"stepsize\":1}}" },
    { "o: {name: sgd, momentum: 0.9}", "o: sgd", "{\"o\":{\"momentum\":0.9,\"name\":\"sgd\"}}" },
    { "o: {name: sgd, momentum: 0.9}", "o: adam", "{\"o\":\"adam\"}" },
    { "o: {name: sgd, momentum: 0.9}", "o: {name: null, x: 1}", "{\"o\":{\"momentum\":0.9,\"x\":1}}" },
    /* elements of lists of layers */
    { "l: [{rnn: {units: 10, bias: true}}, flatten]", "l: {0: {rnn: {units: 5}}}",
      "{\"l\":[{\"rnn\":{\"bias\":true,\"units\":5}},\"flatten\"]}" },
    { "l: [{rnn: {units: 10}}, flatten]", "l: {0: {gru: {units: 5}}, 1: {dense: {units: 2}}}",
      "{\"l\":[{\"gru\":{\"units\":5}},{\"dense\":{\"units\":2}}]}" },
    { "l: [{dense: {units: 10}}]", "l: {0: {repeat: 3}}", "{\"l\":[{\"dense\":{\"units\":10},\"repeat\":3}]}" },
    { "l: [{dense: {units: 10}, from: [0]}]", "l: {0: {join: add}}",
      "{\"l\":[{\"dense\":{\"units\":10},\"from\":[0],\"join\":\"add\"}]}" },
    { "l: [{dense: {units: 10}, from: [0]}]", "l: {0: {rnn: {units: 2}}}", "{\"l\":[{\"rnn\":{\"units\":2}}]}" },
    { "l: [{dense: {units: 10}, repeat: 3}]", "l: {0: {dense: {units: 2}}}",
      "{\"l\":[{\"dense\":{\"units\":2},\"repeat\":3}]}" },
    { "l: [rnn]", "l: {0: {rnn: {units: 2}}}", "{\"l\":[{\"rnn\":{\"units\":2}}]}" },
    /* a sweep's values are one value */
    { "x: {geomspace: [1, 10, 3]}", "x: {linspace: [1, 10, 3]}", "{\"x\":{\"linspace\":[1,10,3]}}" },
    { "x: {geomspace: [1, 10, 3]}", "x: [1, 2]", "{\"x\":[1,2]}" },
    { "x: [1, 2]", "x: {geomspace: [1, 10, 3]}", "{\"x\":{\"geomspace\":[1,10,3]}}" },
    /* a part of the algorithm that is replaced leaves its options; the algorithm itself, and its optimizers, do not */
    { "algorithm: {name: a, update: {name: x, r: 1, s: 2}}", "algorithm.update: y",
      "{\"algorithm\":{\"name\":\"a\",\"update\":{\"name\":\"y\",\"r\":1,\"s\":2}}}" },
    { "algorithm: {name: a, update: {name: x, r: 1, s: 2}}", "algorithm: {update: {name: y, r: 3}}",
      "{\"algorithm\":{\"name\":\"a\",\"update\":{\"name\":\"y\",\"r\":3,\"s\":2}}}" },
    { "algorithm: {name: a, update: {name: x, r: 1, s: 2}}", "algorithm: {update: {name: y, r: null}}",
      "{\"algorithm\":{\"name\":\"a\",\"update\":{\"name\":\"y\",\"s\":2}}}" },
    { "algorithm: {update: {r: 1}}", "algorithm: {update: y}",
      "{\"algorithm\":{\"update\":{\"name\":\"y\",\"r\":1}}}" },
    { "algorithm: {update: {name: x}}", "algorithm: {update: y}", "{\"algorithm\":{\"update\":\"y\"}}" },
    { "algorithm: {name: a, update: {name: x, r: 1}}", "algorithm: {name: b, update: y}",
      "{\"algorithm\":{\"name\":\"b\",\"update\":\"y\"}}" },
    { "algorithm: {feedback: {optimizer: {name: x, r: 1}}}", "algorithm: {feedback: {optimizer: {name: y}}}",
      "{\"algorithm\":{\"feedback\":{\"optimizer\":{\"name\":\"y\"}}}}" },
    { "dataset: {name: x, r: 1}", "dataset: {name: y}", "{\"dataset\":{\"name\":\"y\"}}" },
};

START_TEST(overlay)
{
    const struct node *base = parse(overlays[_i].base), *over = parse(overlays[_i].over);
    char *base_before = strdup(json(base)), *over_before = strdup(json(over));
    const struct node *n = tree_overlay(base, over, &arena, &err);
    ASSERT_SOUND();
    ck_assert_str_eq(json(n), overlays[_i].json);
    ck_assert_str_eq(json(base), base_before); /* neither is changed */
    ck_assert_str_eq(json(over), over_before);
    free(base_before);
    free(over_before);
}
END_TEST

START_TEST(overlay_beyond_a_list)
{
    tree_overlay(parse("l: [1, 2]"), parse("l: {2: 3}"), &arena, &err);
    ck_assert_str_eq(messages(), "1:5: index 2 is beyond a list of 2 (counted from 0)\n");
}
END_TEST

START_TEST(copies_and_removes)
{
    struct node *n = parse("{a: {b: [1, {c: 2}]}, d: 3}");
    struct node *copy = tree_copy(n, &arena);
    tree_remove(tree_find(copy, "a.b.1"), "c");
    tree_remove(copy, "d");
    tree_remove(copy, "nothing");
    ck_assert_str_eq(json(copy), "{\"a\":{\"b\":[1,{}]}}");
    ck_assert_str_eq(json(n), "{\"a\":{\"b\":[1,{\"c\":2}]},\"d\":3}");
}
END_TEST

#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

static void add_tests(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, reads, 0, COUNT(trees));
    tcase_add_loop_test(c, json_reads_back, 0, COUNT(trees));
    tcase_add_test(c, places);
    tcase_add_loop_test(c, refuses, 0, COUNT(mistakes));
    tcase_add_test(c, finds_and_sets);
    tcase_add_test(c, overrides);
    tcase_add_test(c, overrides_that_are_no_value);
    tcase_add_test(c, comments_behind_overrides_are_told);
    tcase_add_loop_test(c, overlay, 0, COUNT(overlays));
    tcase_add_test(c, overlay_beyond_a_list);
    tcase_add_test(c, copies_and_removes);
}

CHECK_MAIN("tree", add_tests)
