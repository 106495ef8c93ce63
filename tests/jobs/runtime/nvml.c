/* One GPU as libnvidia-ml.so.1 shows it, with the signatures of nvml.h. Its numbers and errors are environment variables. */
#include <stdlib.h>
#include <string.h>

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct {
    unsigned int gpu;
    unsigned int memory;
} nvmlUtilization_t;

static struct nvmlDevice_st { long long started; } gpu;

static nvmlReturn_t error(const char *function)
{
    const char *code = getenv(function);
    return code ? atoi(code) : 0;
}

static nvmlReturn_t of(const char *function, nvmlDevice_t device)
{
    return device == &gpu && gpu.started ? error(function) : 2; /* NVML_ERROR_INVALID_ARGUMENT */
}

nvmlReturn_t nvmlInit_v2(void)
{
    gpu.started = 1;
    return error("nvmlInit_v2");
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    if (strcmp(uuid, getenv("UUID")))
        return 6; /* NVML_ERROR_NOT_FOUND */
    *device = &gpu;
    return error("nvmlDeviceGetHandleByUUID");
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *part)
{
    *part = !strncmp(getenv("UUID"), "MIG-", 4);
    return of("nvmlDeviceIsMigDeviceHandle", device);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    rates->gpu = atoi(getenv("PERCENT"));
    rates->memory = 3;
    return of("nvmlDeviceGetUtilizationRates", device);
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *millijoules)
{
    *millijoules = strtoull(getenv("ENERGY"), NULL, 10);
    return of("nvmlDeviceGetTotalEnergyConsumption", device);
}
