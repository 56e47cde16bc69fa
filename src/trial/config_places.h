/* Places of keys in the file, for messages of rooms that know layers alone. */
#ifndef TPRUN_TRIAL_CONFIG_PLACES_H
#define TPRUN_TRIAL_CONFIG_PLACES_H

#include "spec/tree.h"

/* Of a message that begins with a key of a layer, "network.layers.2.transmit: ...": where the tree has that key. Of
 * another one its own place. */
struct where config_refine(const struct node *tree, const struct err_message *m, struct arena *a);

#endif
