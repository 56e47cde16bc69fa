#include "data/image_set.h"

/* Constants of the scaling: Roulet & Harchaoui 2022, code (they are the usual ones of these sets). */
static const char *const mnist_folders[] = { "mnist", "MNIST", "MNIST/raw", NULL };
const struct image_set image_mnist = {
    .name = "mnist",
    .title = "MNIST",
    .folders = mnist_folders,
    .format = IMAGE_IDX,
    .channels = 1,
    .height = 28,
    .width = 28,
    .n_train = 60000,
    .n_test = 10000,
    .mean = { 0.1307 },
    .deviation = { 0.3081 },
    .n_files = 4,
    .files = { { "train-images-idx3-ubyte", 47040016,
                 "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db" },
               { "train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5" },
               { "t10k-images-idx3-ubyte", 7840016,
                 "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7" },
               { "t10k-labels-idx1-ubyte", 10008,
                 "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2" } },
};

static const char *const fashion_folders[] = { "fashion_mnist", "fashion-mnist", "FashionMNIST/raw", NULL };
const struct image_set image_fashion_mnist = {
    .name = "fashion_mnist",
    .title = "Fashion-MNIST",
    .folders = fashion_folders,
    .format = IMAGE_IDX,
    .channels = 1,
    .height = 28,
    .width = 28,
    .n_train = 60000,
    .n_test = 10000,
    .mean = { 0.2860 },
    .deviation = { 0.3202 },
    .mirrors = true,
    .n_files = 4,
    .files = { { "train-images-idx3-ubyte", 47040016,
                 "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888" },
               { "train-labels-idx1-ubyte", 60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9" },
               { "t10k-images-idx3-ubyte", 7840016,
                 "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b" },
               { "t10k-labels-idx1-ubyte", 10008,
                 "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34" } },
};

static const char *const cifar10_folders[] = { "cifar10", "cifar-10-batches-bin", NULL };
const struct image_set image_cifar10 = {
    .name = "cifar10",
    .title = "CIFAR-10",
    .folders = cifar10_folders,
    .format = IMAGE_CIFAR,
    .channels = 3,
    .height = 32,
    .width = 32,
    .n_train = 50000,
    .n_test = 10000,
    .mean = { 0.4914, 0.4822, 0.4465 },
    .deviation = { 0.247, 0.243, 0.261 },
    .mirrors = true,
    .n_files = 6,
    .files = { { "data_batch_1.bin", 30730000, NULL },
               { "data_batch_2.bin", 30730000, NULL },
               { "data_batch_3.bin", 30730000, NULL },
               { "data_batch_4.bin", 30730000, NULL },
               { "data_batch_5.bin", 30730000, NULL },
               { "test_batch.bin", 30730000, NULL } },
    .archive = "cifar-10-binary.tar.gz",
    .archive_folder = "cifar-10-batches-bin",
    .archive_sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    .archive_size = 170052171,
};

const struct image_set *const image_sets[] = { &image_mnist, &image_fashion_mnist, &image_cifar10, NULL };
