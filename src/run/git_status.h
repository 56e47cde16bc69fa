/* `git status` in a repository that is not trusted: see run/repository.h. */
#ifndef TPRUN_RUN_GIT_STATUS_H
#define TPRUN_RUN_GIT_STATUS_H

/* Whether tracked files below root differ from the commit: 1, 0, or -1 if that cannot be said. folder has the index,
 * common the objects. */
int git_status(const char *root, const char *folder, const char *common, const char *commit);

#endif
