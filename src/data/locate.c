#include "data/locate.h"

#include <stdlib.h>
#include <sys/stat.h>

static const struct where nowhere = { 0 };

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The first file that is missing in the folder, or NULL when paths were found for all. */
static const char *missing_in(const char *folder, const struct image_set *set, char **paths, struct arena *a)
{
    for (size_t i = 0; i < set->n_files; i++) {
        const char *name = set->files[i].name;
        paths[i] = arena_printf(a, "%s/%s", folder, name);
        if (!is_file(paths[i]) && set->format == IMAGE_IDX)
            paths[i] = arena_printf(a, "%s/%s.gz", folder, name);
        if (!is_file(paths[i]))
            return name;
    }
    return NULL;
}

char *locate_home(const char *variable, const char *fallback, struct arena *a)
{
    const char *own = getenv(variable), *home = getenv("HOME");
    if (own && own[0] == '/') /* the specification: others are ignored */
        return arena_strdup(a, own);
    return home && *home ? arena_printf(a, "%s/%s", home, fallback) : NULL;
}

int locate_files(const struct image_set *set, const char *own, char *paths[IMAGE_MAX_FILES], struct arena *a,
                 struct err *e)
{
    if (own) {
        const char *missing = missing_in(own, set, paths, a);
        return missing ? err_set(e, ERR_IO, "dataset.path: %s: no file %s%s", own, missing,
                                 set->format == IMAGE_IDX ? ", nor with .gz" : "")
                       : 0;
    }
    const char *data = getenv("TPRUN_DATA"), *home = locate_home("XDG_DATA_HOME", ".local/share", a);
    const char *const places[] = { data && *data ? data : NULL, home ? arena_printf(a, "%s/tprun", home) : NULL,
                                   "/usr/share/datasets" };
    static const char *const variables[] = { "$TPRUN_DATA", "$XDG_DATA_HOME/tprun", NULL };
    struct err looked = { 0 };
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        if (!places[p])
            err_note(&looked, nowhere, "%s: not set", variables[p]);
        for (size_t f = 0; places[p] && set->folders[f]; f++) {
            const char *folder = arena_printf(a, "%s/%s", places[p], set->folders[f]);
            const char *missing = missing_in(folder, set, paths, a);
            if (!missing) {
                err_clear(&looked);
                return 0;
            }
            struct stat st;
            if (stat(folder, &st) == 0)
                err_note(&looked, nowhere, "%s: no file %s", folder, missing);
            else if (f == 0)
                err_note(&looked, nowhere, "%s: no such folder", folder);
        }
    }
    const int code = err_set(e, ERR_IO,
                             "%s: the data is not here; `tprun fetch %s` downloads it. Looked in $TPRUN_DATA, "
                             "$XDG_DATA_HOME/tprun and /usr/share/datasets:",
                             set->name, set->name);
    err_move(e, &looked);
    err_clear(&looked);
    return code;
}
