#include "trial/config.h"

#include "base/hash.h"

void config_shape(const struct config *c, char hex[65])
{
    struct config plain = *c;
    struct text t = { 0 };
    plain.experiment = plain.variant = "";
    plain.seed = 0;
    plain.train.iterations = plain.train.epochs = -1; /* as where they are not given */
    plain.checkpoint.seconds = 1;
    plain.train.threads = 1;
    text_puts(&t, "tprun shape 1\n");
    bind_json_coarse(config_options, &plain, &t);
    hash_bytes_hex(t.s, t.n, hex);
    text_free(&t);
}
