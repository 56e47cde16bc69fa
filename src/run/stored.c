/* A trial's configuration from the database: what is common to many trials, with its own values in the nulls. */
#include "run/private.h"

#include <math.h>
#include <string.h>

struct filler {
    const struct store_described *trial;
    struct text path; /* of the node that is being filled */
    struct arena *arena;
};

/* The parameter as a file would write it: true, 0.1, or a string. */
static struct node *value_node(const struct filler *f, const struct store_param *p, struct where where)
{
    if (isnan(p->number) || p->text)
        return node_scalar(f->arena, where, p->text ? p->text : "", isnan(p->number));
    struct text number = { 0 };
    text_json_number(&number, p->number);
    struct node *n = node_scalar(f->arena, where, number.s, false);
    text_free(&number);
    return n;
}

static int find_value(const struct filler *f, struct where where, struct node **value, struct err *e)
{
    for (size_t i = 0; i < f->trial->n_params; i++)
        if (!strcmp(f->trial->params[i].key, f->path.s)) {
            *value = value_node(f, &f->trial->params[i], where);
            return 0;
        }
    return err_set(e, ERR_STORAGE, "there is no value of %s", f->path.s);
}

/* Puts values in the place of the nulls of a map or list; no deeper than the tree that was parsed. */
static int fill(struct filler *f, struct node *n, struct err *e)
{
    const size_t outer = f->path.n;
    for (size_t i = 0; n->kind != NODE_SCALAR && i < n->n; i++) {
        if (outer)
            text_putc(&f->path, '.');
        if (n->kind == NODE_MAP)
            text_puts(&f->path, n->keys[i]->text);
        else
            text_json_int(&f->path, (int64_t)i);
        if (n->items[i]->kind != NODE_SCALAR)
            TRY(fill(f, n->items[i], e));
        else if (node_is_null(n->items[i]))
            TRY(find_value(f, n->items[i]->where, &n->items[i], e));
        f->path.n = outer;
        f->path.s[outer] = '\0';
    }
    return 0;
}

int stored_bind(const struct store_described *d, struct config *config, struct arena *a, struct err *e)
{
    struct filler f = { .trial = d, .arena = a };
    struct node *tree = tree_parse("configuration", d->config, strlen(d->config), a, e);
    if (!tree)
        return e->code;
    const int code = fill(&f, tree, e);
    text_free(&f.path);
    TRY(code);
    return config_bind_whole(tree, config, a, e);
}

static int bind_checked(const struct store_described *d, struct config *config, struct arena *a, struct err *e)
{
    char key[65];
    TRY(stored_bind(d, config, a, e));
    config_key(config, key);
    if (strcmp(key, d->key) != 0)
        return err_set(e, ERR_STORAGE, "it is not the one that the trial's key was made of");
    return 0;
}

int stored_load(struct runner *r, int64_t trial, struct stored_trial *t, struct err *e)
{
    struct plan *p = r->plan;
    struct err own = { 0 };
    TRY(store_describe_trial(r->store, trial, &t->described, e));
    if (bind_checked(&t->described, &t->config, plan_scratch(p), &own) < 0)
        err_set(e, ERR_STORAGE, "%s: the stored configuration of trial %.16s cannot be used: %s", r->options->db,
                t->described.key, err_first(&own));
    err_clear(&own);
    return e->code ? e->code : trial_measure(&t->config, &t->size, &p->scratch, e);
}
