/* The number type of a trial. The numeric rooms (math, net, credit, optim, data, trial) are compiled twice from the
 * same sources, once with TPRUN_DOUBLE; options, statistics and the store always use double. */
#ifndef TPRUN_MATH_REAL_H
#define TPRUN_MATH_REAL_H

#ifdef TPRUN_DOUBLE
typedef double real;
#define REAL_NAME "double"
#define REAL_DTYPE DTYPE_F64
/* Displacements whose largest entry is below this are set to zero: the rest of the recursion would be denormal. */
#define REAL_TINY 1e-250
#else
typedef float real;
#define REAL_NAME "single"
#define REAL_DTYPE DTYPE_F32
#define REAL_TINY 1e-25f
#endif

#endif
