#include "fetch/fetch.h"

#include <string.h>

/* Whatever they send is checked against the sums pinned in this program, so plain http is as good as https here. */
static const struct {
    const char *set, *urls[3];
} mirrors[] = {
    { "mnist",
      { "https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/",
        NULL } },
    { "fashion_mnist", { "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", NULL } },
    { "cifar10", { "https://www.cs.toronto.edu/~kriz/", NULL } },
};

const char *const *fetch_mirrors(const char *set_name)
{
    for (size_t i = 0; i < sizeof mirrors / sizeof *mirrors; i++)
        if (strcmp(mirrors[i].set, set_name) == 0)
            return mirrors[i].urls;
    return NULL;
}
