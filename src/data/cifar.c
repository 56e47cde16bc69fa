#include "data/cifar.h"

int cifar_check(const uint8_t *bytes, size_t n, size_t n_records, const char *path, struct err *e)
{
    if (n % CIFAR_RECORD != 0)
        return err_set(e, ERR_FORMAT, "%s: ends at byte %zu, within record %zu; records have %d bytes", path, n,
                       n / CIFAR_RECORD, CIFAR_RECORD);
    if (n / CIFAR_RECORD != n_records)
        return err_set(e, ERR_FORMAT, "%s: %zu bytes, that is %zu records; expected %zu", path, n, n / CIFAR_RECORD,
                       n_records);
    for (size_t i = 0; i < n_records; i++)
        if (bytes[i * CIFAR_RECORD] >= CIFAR_CLASSES)
            return err_set(e, ERR_FORMAT, "%s: byte %zu: label %u of record %zu; expected 0 to %d", path,
                           i * CIFAR_RECORD, bytes[i * CIFAR_RECORD], i, CIFAR_CLASSES - 1);
    return 0;
}
