#include "base/map.h"

#include "base/file.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int map_open(struct map *m, const char *path, uint64_t max, struct err *e)
{
    uint64_t size;
    *m = (struct map){ 0 };
    const int fd = file_open_regular(path, &size, e);
    TRY(fd);
    int code = 0;
    if (size > max || size > SIZE_MAX)
        code = err_set(e, ERR_FORMAT, "%s: %" PRIu64 " bytes; expected at most %" PRIu64, path, size, max);
    else if (size > 0) {
        void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
        if (bytes == MAP_FAILED)
            code = err_set(e, errno == ENOMEM ? ERR_MEMORY : ERR_IO, "%s: mapping %" PRIu64 " bytes: %s", path, size,
                           strerror(errno));
        else
            *m = (struct map){ .bytes = bytes, .n = (size_t)size };
    }
    close(fd); /* the mapping stays */
    return code;
}

void map_close(struct map *m)
{
    if (m->bytes)
        munmap((void *)(uintptr_t)m->bytes, m->n);
    *m = (struct map){ 0 };
}
