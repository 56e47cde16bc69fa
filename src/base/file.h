/* Files, carefully: only regular ones, whole reads and writes, and folders made durable. */
#ifndef TPRUN_BASE_FILE_H
#define TPRUN_BASE_FILE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens a regular file for reading and tells its size; a folder, FIFO or device is refused without waiting for it.
 * Returns a descriptor (close-on-exec) or a negative code. */
int file_open_regular(const char *path, uint64_t *size, struct err *e);
/* Reads up to n bytes, fewer only at the end of the file; *got tells how many. `path` is for messages. */
int file_read(int fd, void *bytes, size_t n, size_t *got, const char *path, struct err *e);
/* Writes all n bytes. */
int file_write(int fd, const void *bytes, size_t n, const char *path, struct err *e);
/* Opens the folder that holds `path`. Returns a descriptor (close-on-exec) or ERR_IO. */
int file_open_folder_of(const char *path, struct err *e);
/* Whether the file may be written, and others be made beside it (of a symbolic link: beside what it leads to): not on a
 * file system that is mounted read-only, nor without the permission. */
bool file_is_writable(const char *path);
/* Makes the entries of the folder that holds `path` durable: a new name survives a power cut only after this. */
int file_sync_folder(const char *path, struct err *e);
/* Makes the folder `path` and those above it, durably. Errors have the given code. */
int file_make_folders(const char *path, int code, struct err *e);

#endif
