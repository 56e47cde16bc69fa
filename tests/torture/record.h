/* The log of a recording: what a program did to the files of one folder, in order. A header, then `n_path` bytes,
 * `n_other` bytes and `n` bytes of data. Inodes are 0 where they mean nothing. */
#ifndef TPRUN_TORTURE_RECORD_H
#define TPRUN_TORTURE_RECORD_H

#include <stdint.h>

enum record_op {
    RECORD_CREATE,   /* inode; folder, path: name in it */
    RECORD_MKDIR,    /* likewise */
    RECORD_LINK,     /* likewise, of a file that exists */
    RECORD_RENAME,   /* folder, path: the old name; inode: the folder of the new one, other: the new name */
    RECORD_UNLINK,   /* folder, path */
    RECORD_WRITE,    /* inode, offset, data */
    RECORD_TRUNCATE, /* inode, offset: the new size */
    RECORD_SYNC,     /* inode: of a file or a folder; offset 1: it was asked for and not done */
    RECORD_BEGIN     /* inode of the folder that is recorded */
};

struct record {
    uint32_t op, n_path, n_other, pad;
    uint64_t inode, folder, offset, n;
};

#endif
