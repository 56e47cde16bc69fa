#include "data/image_files.h"

#include "base/hash.h"
#include "base/sums.h"
#include "data/cifar.h"
#include "data/locate.h"
#include <string.h>

static int open_idx(struct image_files *f, struct arena *a, struct err *e)
{
    const struct image_set *set = f->set;
    const uint32_t counts[2] = { set->n_train, set->n_test };
    for (size_t part = 0; part < 2; part++) {
        const struct idx images = idx_layout(3, (const uint32_t[]){ counts[part], set->height, set->width });
        const struct idx labels = idx_layout(1, (const uint32_t[]){ counts[part] });
        struct shared_idx *file = &f->idx[2 * part];
        TRY(shared_idx_open(&file[0], &images, f->paths[2 * part], a, e));
        TRY(shared_idx_open(&file[1], &labels, f->paths[2 * part + 1], a, e));
        TRY(idx_check_labels(&labels, file[1].bytes, IMAGE_CLASSES, f->paths[2 * part + 1], e));
        const struct image_run run = { .image = file[0].bytes + images.header,
                                       .label = file[1].bytes + labels.header,
                                       .image_stride = (size_t)set->height * set->width,
                                       .label_stride = 1,
                                       .n = counts[part] };
        if (part == 0)
            f->train[0] = run;
        else
            f->test = run;
    }
    f->train_run = set->n_train;
    return 0;
}

static int open_cifar(struct image_files *f, struct err *e)
{
    const struct image_set *set = f->set;
    const size_t n_batches = set->n_files - 1;
    f->train_run = set->n_train / n_batches;
    for (size_t i = 0; i < set->n_files; i++) {
        const size_t n = i < n_batches ? f->train_run : set->n_test;
        TRY(map_open(&f->map[i], f->paths[i], set->files[i].size, e));
        TRY(cifar_check(f->map[i].bytes, f->map[i].n, n, f->paths[i], e));
        const struct image_run run = { .image = f->map[i].bytes + 1,
                                       .label = f->map[i].bytes,
                                       .image_stride = CIFAR_RECORD,
                                       .label_stride = CIFAR_RECORD,
                                       .n = n };
        if (i < n_batches)
            f->train[i] = run;
        else
            f->test = run;
    }
    return 0;
}

int image_files_open(struct image_files *f, const struct image_set *set, const char *own, struct arena *a,
                     struct err *e)
{
    char *paths[IMAGE_MAX_FILES];
    *f = (struct image_files){ .set = set };
    TRY(locate_files(set, own, paths, a, e));
    for (size_t i = 0; i < set->n_files; i++)
        f->paths[i] = paths[i];
    const int code = set->format == IMAGE_IDX ? open_idx(f, a, e) : open_cifar(f, e);
    if (code < 0)
        image_files_close(f);
    return code;
}

void image_files_close(struct image_files *f)
{
    for (size_t i = 0; i < IMAGE_MAX_FILES; i++) {
        shared_idx_close(&f->idx[i]);
        map_close(&f->map[i]);
    }
}

/* ---- what the files are ---- */

static const struct image_set *set_of(const char *sha256)
{
    for (size_t s = 0; image_sets[s]; s++)
        for (size_t i = 0; i < image_sets[s]->n_files; i++)
            if (image_sets[s]->files[i].sha256 && strcmp(image_sets[s]->files[i].sha256, sha256) == 0)
                return image_sets[s];
    return NULL;
}

static int judge(const struct image_set *set, size_t i, const char *path, const char *sha256, struct err *e)
{
    const struct image_file *file = &set->files[i];
    const struct image_set *other = set_of(sha256);
    if (other && other != set)
        return err_set(e, ERR_FORMAT, "%s: this is %s, not %s (SHA-256 %s)", path, other->title, set->title, sha256);
    const bool published = file->sha256 ? strcmp(file->sha256, sha256) == 0 : sums_list(path, file->name, sha256);
    if (!published)
        err_warn(e, (struct where){ 0 }, "%s: not the canonical %s: SHA-256 %s%s", path, set->title, sha256,
                 file->sha256 ? "" : ", which no archive checked by `tprun fetch` vouches for");
    return 0;
}

int image_files_visit(const struct image_set *set, const char *own,
                      int (*visit)(void *self, const char *path, const char *sha256), void *self, struct err *e)
{
    struct arena a;
    struct image_files f;
    arena_init(&a, 0);
    int code = image_files_open(&f, set, own, &a, e);
    for (size_t i = 0; code == 0 && i < set->n_files; i++) {
        char hex[65];
        const bool is_idx = set->format == IMAGE_IDX;
        hash_bytes_hex(is_idx ? f.idx[i].bytes : f.map[i].bytes, (size_t)set->files[i].size, hex);
        code = judge(set, i, f.paths[i], hex, e);
        if (code == 0)
            code = visit(self, f.paths[i], hex);
    }
    image_files_close(&f);
    arena_finish(&a);
    return code;
}
