/* What a network predicts. Networks with random units are asked several times, and their predictions are averaged (Lee
 * 2015, Sec. 3.3: M = 100). */
#include "trial/private.h"

void predict(struct trial *t, struct pass *p, size_t samples, void (*draw)(void *self, struct pass *p, size_t number),
             void *self)
{
    const struct chosen loss = t->config->loss;
    const size_t random = chain_first_random(&t->chain);
    if (random < t->chain.n_units)
        draw(self, p, 0);
    chain_forward(p);
    if (random == t->chain.n_units || samples == 1)
        return;
    const struct mat out = pass_output(p), mean = p->gradient; /* which evaluations have no other use for */
    loss_def_of(loss)->average(loss.opts, out, 0, mean);
    for (size_t i = 1; i < samples; i++) {
        draw(self, p, i);
        chain_forward_above(p, random); /* below it nothing is random */
        loss_def_of(loss)->average(loss.opts, out, i, mean);
    }
    mat_copy(mean, out);
}
