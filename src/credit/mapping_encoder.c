/* The encoder as the feedback mapping of the hidden layer of an auto-encoder x -> h = f(x) -> z: g(z) = f(z), the first
 * layer itself, applied in the output space. Target of h under difference propagation with t_z = x: t_h = h + f(x) -
 * f(z). Lee 2015, Sec. 3.4. */
#include "credit/credit.h"

/* f at the present output z, and at another value of it. */
struct encoder {
    struct at ref, other;
};

static const struct unit *encoder_of(const struct credit *c)
{
    return &c->chain->units[0];
}

static int shape(struct credit *c, struct arena *a, struct err *e)
{
    (void)a;
    const struct unit *f = encoder_of(c);
    if (c->n != 2 || unit_is_recurrent(f) || !(unit_abilities(f) & CAN_DIFFERENCE))
        return err_about(e, "algorithm.mapping",
                         "'encoder' is the feedback of an auto-encoder: two layers under the head, "
                         "the first one dense; "
                         "here %zu are under the head, and the first one is '%s'",
                         c->n, f->def->part.name);
    const struct unit *decoder = &c->chain->units[1];
    if (f->in.n != decoder->out.n)
        return err_at(e, decoder->where,
                      "algorithm.mapping: 'encoder' applies network.layers.0 to the output of network.layers.1: it "
                      "reads %zu values, "
                      "but that gives %zu",
                      f->in.n, decoder->out.n);
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct encoder *s = c->mapping_state;
    TRY(at_open(&s->ref, encoder_of(c), c->rows, 1, AT_KEPT, a, e));
    return at_open(&s->other, encoder_of(c), c->rows, 1, AT_KEPT, a, e);
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    struct encoder *s = c->mapping_state;
    s->ref.in = p->links[1].out;
    at_forward(encoder_of(c), s->ref);
    return 0;
}

static int apply(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat t, struct mat out,
                 struct err *e)
{
    (void)p, (void)ref, (void)k, (void)e;
    struct encoder *s = c->mapping_state;
    s->other.in = t;
    at_forward(encoder_of(c), s->other);
    mat_copy(s->other.out, out);
    return 0;
}

static int difference(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
                      struct err *e)
{
    (void)p, (void)ref, (void)k, (void)e;
    const struct encoder *s = c->mapping_state;
    encoder_of(c)->def->difference(encoder_of(c), s->ref, d, out);
    return 0;
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)p, (void)ref, (void)k, (void)e;
    const struct encoder *s = c->mapping_state;
    encoder_of(c)->def->jvp(encoder_of(c), s->ref, d, out);
    return 0;
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
              .state_size = sizeof(struct encoder),
              .gives = GIVES_APPLY | GIVES_JVP },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .flops = flops,
};
