/* Replaces malloc and calloc by ones that count, in a program that includes this in one file. */
#ifndef TPRUN_TESTS_MATH_ALLOCATIONS_H
#define TPRUN_TESTS_MATH_ALLOCATIONS_H

#include <stdlib.h>

/* The sanitizers bring their own allocator. */
#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 1
#endif
static size_t allocations;
#if COUNTS_ALLOCATIONS
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}
#endif

#endif
