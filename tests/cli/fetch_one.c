/* fetch() with sums of one's own, for check_fetch.py: the real data sets are too large for a test, and their sums
 * cannot be met by made-up bytes. fetch_one FOLDER STALL_SECONDS file NAME SIZE SHA256 SOURCE... fetch_one FOLDER
 * STALL_SECONDS archive NAME MOST_BYTES SHA256 MEMBER_FOLDER MEMBER=SIZE,... SOURCE... */
#include "base/text.h"
#include "fetch/fetch.h"

#include <stdlib.h>
#include <string.h>

static void say(const char *text)
{
    printf("%s\n", text);
}

static uint64_t number(const char *s)
{
    return strtoull(s, NULL, 10);
}

static size_t members(char *list, struct fetch_file *files)
{
    size_t n = 0;
    for (char *at = strtok(list, ","); at && n < FETCH_MAX_FILES; at = strtok(NULL, ",")) {
        char *equals = strchr(at, '=');
        if (!equals)
            return 0;
        *equals = 0;
        files[n++] = (struct fetch_file){ .name = at, .size = number(equals + 1) };
    }
    return n;
}

int main(int argc, char **argv)
{
    struct fetch_file files[FETCH_MAX_FILES];
    struct fetch_set set = { .name = "set", .files = files, .n_files = 1 };
    struct err e = { 0 };
    if (argc < 8)
        return 64;
    const bool archive = !strcmp(argv[3], "archive");
    if (archive && argc > 9) {
        set.archive = argv[4];
        set.archive_size = number(argv[5]);
        set.archive_sha256 = argv[6];
        set.archive_folder = argv[7];
        set.n_files = members(argv[8], files);
    } else {
        files[0] = (struct fetch_file){ .name = argv[4], .size = number(argv[5]), .sha256 = argv[6] };
    }
    const struct fetch_options o = { .folder = argv[1],
                                     .stall_seconds = atoi(argv[2]),
                                     .sources = (const char *const *)argv + (archive ? 9 : 7),
                                     .say = say };
    const int code = fetch(&set, &o, &e);
    err_print(&e, stderr, false);
    err_clear(&e);
    return code < 0 ? 1 : 0;
}
