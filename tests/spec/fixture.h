/* A command's arena and errors, and what the errors say. */
#ifndef TPRUN_TESTS_SPEC_FIXTURE_H
#define TPRUN_TESTS_SPEC_FIXTURE_H

#include "check_main.h"
#include "spec/study.h"
#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct err err;
static struct text said;

static void setup(void)
{
    arena_init(&arena, 0);
}

static void teardown(void)
{
    arena_finish(&arena);
    err_clear(&err);
    text_free(&said);
}

static inline struct node *parse(const char *text)
{
    return tree_parse("t.yaml", text, strlen(text), &arena, &err);
}

/* Every message, "line:column: text\n"; notes indented. Clears the errors. */
static inline const char *messages(void)
{
    text_clear(&said);
    text_puts(&said, "");
    for (size_t i = 0; i < err.n_messages; i++) {
        const struct err_message *m = &err.messages[i];
        text_add(&said, "%s%zu:%zu: %s\n", m->level == ERR_LEVEL_NOTE ? "  " : "", m->where.line, m->where.column,
                 m->text);
    }
    err_clear(&err);
    return said.s;
}

static inline const char *json(const struct node *n)
{
    text_clear(&said);
    tree_json(n, &said);
    return said.s;
}

#define ASSERT_SOUND() ck_assert_str_eq(messages(), "")

#endif
