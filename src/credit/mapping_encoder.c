/* The encoder as the feedback mapping of the hidden layer of an auto-encoder x -> h = f(x) -> z: g(z) = f(z), the first
 * layer itself, applied in the output space. Target of h under difference propagation with t_z = x: t_h = h + f(x) -
 * f(z). Lee 2015, Sec. 3.4. */
#include "credit/credit.h"

#include "net/layer_dense.h"

/* f at the present output z. */
struct encoder_state {
    struct mat u, h; /* (B, hidden): pre-activation and value */
};

static const struct layer *encoder_of(const struct credit *c)
{
    return &c->chain->layers[0];
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    const struct layer *f = encoder_of(c);
    if (c->n != 2 || f->def != &layer_dense)
        return err_set(e, ERR_SPEC,
                       "algorithm.mapping: 'encoder' is the feedback of an auto-encoder: two layers under the head, "
                       "the first one dense; "
                       "here %zu are under the head, and the first one is '%s'",
                       c->n, f->def->part.name);
    const struct layer *decoder = &c->chain->layers[1];
    if (f->n_in != decoder->n_out)
        return err_at(e, decoder->where,
                      "algorithm.mapping: 'encoder' applies network.layers.0 to the output of network.layers.1: it "
                      "reads %zu values, "
                      "but that gives %zu",
                      f->n_in, decoder->n_out);
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct encoder_state *s = arena_alloc(a, 1, sizeof *s);
    const size_t n = encoder_of(c)->n_out;
    if (s)
        *s = (struct encoder_state){ mat_new(a, c->rows, n), mat_new(a, c->rows, n) };
    if (!s || !s->u.p || !s->h.p)
        return err_set(e, ERR_MEMORY, "not enough memory for the encoder of the output");
    c->mapping_state = s;
    return 0;
}

/* u = z W^T + b */
static void preactivation(const struct layer *f, struct mat z, struct mat u)
{
    dense_linear(f, z, u);
    if (dense_bias(f))
        mat_add_row(dense_bias(f), u);
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    struct encoder_state *s = c->mapping_state;
    preactivation(encoder_of(c), p->links[1].out, s->u);
    act_apply(encoder_of(c)->act, s->u, s->h);
    return 0;
}

static void apply(struct credit *c, struct pass *p, size_t k, struct mat t, struct mat out)
{
    (void)p, (void)k;
    preactivation(encoder_of(c), t, out);
    act_apply(encoder_of(c)->act, out, out);
}

static void difference(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    (void)p, (void)k;
    const struct encoder_state *s = c->mapping_state;
    dense_linear(encoder_of(c), d, out);
    act_difference_blocks(encoder_of(c)->act, s->u, s->h, out);
}

static void jvp(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    (void)p, (void)k;
    const struct encoder_state *s = c->mapping_state;
    dense_linear(encoder_of(c), d, out);
    act_times_slope(encoder_of(c)->act, s->u, s->h, out, out);
}

static double reals(const struct credit *c, size_t rows)
{
    return 2.0 * (double)rows * (double)encoder_of(c)->n_out;
}

static double flops(const struct credit *c, size_t rows)
{
    double product;
    (void)encoder_of(c)->def->flops(encoder_of(c), rows, &product);
    return product;
}

extern const struct mapping_def mapping_encoder;
const struct mapping_def mapping_encoder = {
    .part = { .name = "encoder",
              .help = "of an auto-encoder: the first layer itself, applied to the output",
              .ref = "Lee 2015, Sec. 3.4",
              .gives = GIVES_APPLY | GIVES_JVP },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .reals = reals,
    .flops = flops,
};
