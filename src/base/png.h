/* Grey images as PNG (ISO/IEC 15948), 8 bits a pixel, no interlace. */
#ifndef TPRUN_BASE_PNG_H
#define TPRUN_BASE_PNG_H

#include "base/err.h"
#include "base/text.h"
#include <stddef.h>
#include <stdint.h>

/* Appends the file of a picture of width * height pixels, row by row from the top, 0 black to 255 white. width, height
 * >= 1. */
int png_grey(struct text *out, const uint8_t *pixels, size_t width, size_t height, struct err *e);

#endif
