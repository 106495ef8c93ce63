/* GPUs as librocm_smi64.so shows them, with the signatures of rocm_smi.h. Numbers and errors are environment variables. */
#include <stdint.h>
#include <stdlib.h>

typedef int rsmi_status_t;

static rsmi_status_t error(const char *function)
{
    const char *code = getenv(function);
    return code ? atoi(code) : 0;
}

static rsmi_status_t of(const char *function, uint32_t dv_ind)
{
    return dv_ind == 1 ? error(function) : 1; /* RSMI_STATUS_INVALID_ARGS: only the second GPU is asked */
}

rsmi_status_t rsmi_init(uint64_t init_flags)
{
    return init_flags ? 1 : error("rsmi_init");
}

rsmi_status_t rsmi_num_monitor_devices(uint32_t *num_devices)
{
    *num_devices = 3;
    return error("rsmi_num_monitor_devices");
}

rsmi_status_t rsmi_dev_pci_id_get(uint32_t dv_ind, uint64_t *bdfid)
{
    const char *name[] = {"GPU_0", "GPU_1", "GPU_2"};
    *bdfid = strtoull(getenv(name[dv_ind]), NULL, 16);
    return error("rsmi_dev_pci_id_get");
}

rsmi_status_t rsmi_dev_busy_percent_get(uint32_t dv_ind, uint32_t *busy_percent)
{
    *busy_percent = atoi(getenv("PERCENT"));
    return of("rsmi_dev_busy_percent_get", dv_ind);
}

rsmi_status_t rsmi_dev_energy_count_get(uint32_t dv_ind, uint64_t *power, float *counter_resolution, uint64_t *timestamp)
{
    *power = strtoull(getenv("ENERGY"), NULL, 10);
    *counter_resolution = 15.3f; /* microjoules, as of an MI250 */
    *timestamp = UINT64_MAX;
    return of("rsmi_dev_energy_count_get", dv_ind);
}
