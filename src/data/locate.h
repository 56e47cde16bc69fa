/* Where data files are looked for: the folder that the experiment names, or else, in each of these places, a folder of
 * one of the set's names: $TPRUN_DATA, $XDG_DATA_HOME/tprun (~/.local/share/tprun), /usr/share/datasets. */
#ifndef TPRUN_DATA_LOCATE_H
#define TPRUN_DATA_LOCATE_H

#include "base/arena.h"
#include "base/err.h"
#include "data/image_set.h"

/* Finds a folder that holds all files of the set, each plain or with ".gz" behind its name (plain is preferred); paths
 * in a. own: dataset.path, or NULL. Otherwise an error that lists the places and what was missing in each. */
int locate_files(const struct image_set *set, const char *own, char *paths[IMAGE_MAX_FILES], struct arena *a,
                 struct err *e);

/* A folder of the XDG base directory specification: $variable if that is absolute, else $HOME/fallback; NULL if neither
 * is known. In a. */
char *locate_home(const char *variable, const char *fallback, struct arena *a);

#endif
