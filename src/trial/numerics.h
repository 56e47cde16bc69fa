/* The version of the numbers. The same configuration and inputs give the same bits as long as it stays: raise it in the
 * commit that changes a value that some trial logs (a formula, an order of summation, a random stream). Trials keep the
 * version that they were begun with; versions share no resume and no mean. */
#ifndef TPRUN_TRIAL_NUMERICS_H
#define TPRUN_TRIAL_NUMERICS_H

enum { NUMERICS_VERSION = 3 };

#endif
