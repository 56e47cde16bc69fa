/* Kill points: named places at which a test ends the program or sends it a signal. They exist only in a build with
 * -Dkill_points=true; elsewhere KILL_POINT is nothing, and no string of this list is in the program.
 *
 *   TPRUN_KILL=NAME:N[:SIGNAL[:parent]]   at the N-th time that a process comes to the point: SIGNAL (KILL, INT, TERM,
 *                                         HUP or USR1; KILL if none is given) for itself or for its parent
 *
 * `tprun --fault-points` prints the names, so that a test cannot miss one. */
#ifndef TPRUN_BASE_KILLPOINT_H
#define TPRUN_BASE_KILLPOINT_H

/* clang-format off */
#define KILL_POINTS(X)                                                                                                 \
    X(STORE_LOCKED, "store.locked")                   /* the runner has the lock, nothing is opened */                 \
    X(STORE_OPENED, "store.opened")                   /* the database is open, nothing is written */                   \
    X(STORE_SCHEMA, "store.schema")                   /* tables are made or migrated, not committed */                 \
    X(STORE_SCHEMA_COMMITTED, "store.schema_committed")                                                                \
    X(STORE_COMMIT, "store.commit")                   /* a group of rows is written, not committed */                  \
    X(STORE_COMMITTED, "store.committed")                                                                              \
    X(STORE_MERGED, "store.merged")                   /* a database is merged, not committed */                        \
    X(STORE_CLOSE, "store.close")                     /* all is committed, the log is not emptied */                   \
    X(STORE_LOG_EMPTIED, "store.log_emptied")                                                                          \
    X(STORE_CLOSED, "store.closed")                   /* the database is closed, the lock is held */                   \
    X(RUN_SIGNALS, "run.signals")                     /* handlers are set, the database is not open */                 \
    X(RUN_FOLDER, "run.folder")                       /* the folder of checkpoints is there */                         \
    X(RUN_RECOVERED, "run.recovered")                 /* no trial is `running` any more */                             \
    X(RUN_QUEUE_STUDY, "run.queue_study")             /* a study is put, its trials are not */                         \
    X(RUN_QUEUE_TRIAL, "run.queue_trial")             /* a trial is put */                                             \
    X(RUN_QUEUED, "run.queued")                       /* all trials are committed */                                   \
    X(RUN_SWEEP, "run.sweep")                         /* before a file that nothing names is removed */                \
    X(RUN_SWEPT, "run.swept")                                                                                          \
    X(RUN_SPAWN, "run.spawn")                         /* before a worker is started */                                 \
    X(RUN_SPAWNED, "run.spawned")                     /* it is started and has no job */                               \
    X(RUN_JOB_SENT, "run.job_sent")                                                                                    \
    X(RUN_HELLO, "run.hello")                         /* an attempt is put */                                          \
    X(RUN_CHECKPOINT, "run.checkpoint")               /* a worker has named a checkpoint */                            \
    X(RUN_CHECKPOINT_COMMITTED, "run.checkpoint_committed")                                                            \
    X(RUN_CHECKPOINT_UNLINKED, "run.checkpoint_unlinked") /* the third newest is gone */                               \
    X(RUN_END, "run.end")                             /* a worker has told the end of its trial */                     \
    X(RUN_END_COMMITTED, "run.end_committed")                                                                          \
    X(RUN_REAPED, "run.reaped")                       /* a worker is gone */                                           \
    X(RUN_PUBLISH, "run.publish")                     /* a copy of the database is written, without its name */         \
    X(RUN_PUBLISH_NOTED, "run.publish_noted")         /* a note says so */                                             \
    X(RUN_PUBLISHED, "run.published")                                                                                  \
    X(RUN_REFRESH, "run.refresh")                     /* before the statistics of a study are made anew */             \
    X(RUN_REFRESHED, "run.refreshed")                                                                                  \
    X(WORKER_STARTED, "worker.started")                                                                                \
    X(WORKER_JOB, "worker.job")                       /* the job is read */                                            \
    X(WORKER_RESTORED, "worker.restored")             /* from its checkpoint, or at the beginning */                   \
    X(WORKER_STEP, "worker.step")                     /* between two steps */                                          \
    X(WORKER_END, "worker.end")                       /* before the end is told */                                     \
    X(FILE_CREATED, "file.created")                   /* a checkpoint, a report, data ...: empty, without its name */\
    X(FILE_WRITTEN, "file.written")                                                                                    \
    X(FILE_SYNCED, "file.synced")                                                                                      \
    X(FILE_RENAMED, "file.renamed")                                                                                    \
    X(FILE_LINKED, "file.linked")                     /* a data file has its name */                                   \
    X(FILE_FOLDER_SYNCED, "file.folder_synced")
/* clang-format on */

#ifdef TPRUN_KILL_POINTS

#include <stdio.h>

#define KILL_POINT_ID(id, name) KILL_##id,
enum kill_point { KILL_POINTS(KILL_POINT_ID) N_KILL_POINTS };
#undef KILL_POINT_ID

#define KILL_POINT(id) kill_point(KILL_##id)
void kill_point(enum kill_point point);
/* One name a line. */
void kill_points_print(FILE *out);

#else

#define KILL_POINT(id) ((void)0)

#endif
#endif
