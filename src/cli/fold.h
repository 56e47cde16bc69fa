/* Standard output for a terminal: lines that are longer than it is wide are folded at blanks, and go on a little
 * further to the right than they began. For text; not for what programs read. */
#ifndef TPRUN_CLI_FOLD_H
#define TPRUN_CLI_FOLD_H

/* From now on. Without memory lines stay as they are. The stream is closed as any other. */
void fold_stdout(int width);

#endif
