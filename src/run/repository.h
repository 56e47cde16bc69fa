/* Which state of a git repository a file belongs to.
 *
 * A repository may come from somebody else, and git runs programs that its configuration names (filters, monitors,
 * hooks). So the commit is read from its files, and whether tracked files differ from it is asked of git with a
 * repository folder of our own: an empty configuration, that commit as HEAD, and the index and the objects of the real
 * one. Nothing of its configuration is read, and nothing is written to it. */
#ifndef TPRUN_RUN_REPOSITORY_H
#define TPRUN_RUN_REPOSITORY_H

struct repository {
    char root[4096];
    char commit[65]; /* 40 or 64 hexadecimal digits; "" = none that is known: then nothing else is */
    int changed;     /* 1: tracked files differ from the commit; 0: none does; -1: not known (no git, or more than 10 s) */
};

/* The repository of a file that exists, if there is one. */
void repository_read(struct repository *r, const char *file);

#endif
