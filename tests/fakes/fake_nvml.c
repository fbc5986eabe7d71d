/* A libnvidia-ml.so.1 that reads its answers from a text file, anew on each call.
 *
 * The file's name is in FAKE_NVML; without one, one healthy "NVIDIA H200" answers. A line is
 * `key value`; the last line of a key counts; `#` begins a comment. `1.key` holds for device 1
 * only, `0.mig1.key` for the second instance of device 0, which inherits nothing from its board.
 * tests/fakes/nvml.py says which keys there are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK, UNINITIALIZED, INVALID, NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND = 6, TOO_SMALL = 7 };

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu, compute; } Process;
typedef struct { unsigned pid; unsigned long long time; unsigned sm, mem, enc, dec; } Use;
typedef struct { unsigned gpu, memory; } Rates;
typedef struct {
  unsigned id, scope; long long time, latency; unsigned type; int result;
  union { unsigned ui; unsigned long long ull; } value;
} Field;
typedef const char *Device; /* "0", or "0.mig1": what stands before a key */

static __thread char text[1 << 16]; /* a sampler's thread asks beside the main one */
static int open_count;
static char names[8][8][32], boards[8][2];

static void load(void) {
  const char *path = getenv("FAKE_NVML");
  FILE *file = path ? fopen(path, "r") : NULL;
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  text[n] = 0;
  if (file) fclose(file);
}

/* The value of the last line with this key, or NULL. */
static char *line_of(const char *key, char *out, size_t size) {
  char *found = NULL;
  size_t n = strlen(key);
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, "\n");
    if (length > n && !strncmp(at, key, n) && at[n] == ' ') {
      snprintf(out, size, "%.*s", (int)(length - n - 1), at + n + 1);
      found = out;
    }
    at += length + (at[length] == '\n');
  }
  return found;
}

static char *word(Device device, const char *key, char *out, size_t size) {
  char full[128];
  if (device) {
    snprintf(full, sizeof full, "%s.%s", device, key);
    if (line_of(full, out, size)) return out;
    if (strstr(device, "mig")) return NULL;
  }
  return line_of(key, out, size);
}

static long long number(Device device, const char *key, long long otherwise) {
  char out[64];
  return word(device, key, out, sizeof out) ? strtoll(out, NULL, 0) : otherwise;
}

/* Reads the script, and says whether it wants this call to fail. */
static int refusal(Device device, const char *function) {
  char key[96];
  load();
  if (!open_count && strcmp(function, "nvmlInit")) return UNINITIALIZED;
  snprintf(key, sizeof key, "error.%s", function);
  long long code = number(device, key, OK);
  return code || !device ? (int)code : (int)number(device, "error.device", OK);
}

#define MAY_FAIL(device, function) \
  do { int code_ = refusal(device, function); if (code_) return code_; } while (0)
#define OF_A_BOARD(device) \
  do { if (strstr(device, "mig")) return NOT_SUPPORTED; } while (0)

static unsigned long long micros(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

int nvmlInitWithFlags(unsigned flags) {
  (void)flags;
  MAY_FAIL(NULL, "nvmlInit");
  __sync_add_and_fetch(&open_count, 1);
  return OK;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) {
  MAY_FAIL(NULL, "nvmlShutdown");
  __sync_sub_and_fetch(&open_count, 1);
  return OK;
}
const char *nvmlErrorString(int code) {
  switch (code) {
    case UNINITIALIZED: return "Uninitialized";
    case INVALID: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NO_PERMISSION: return "Insufficient Permissions";
    case NOT_FOUND: return "Not Found";
    case TOO_SMALL: return "Insufficient Size";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    default: return "Unknown Error";
  }
}

static unsigned boards_there(void) { return (unsigned)number(NULL, "gpus", 1); }
static Device board(unsigned index) {
  boards[index][0] = (char)('0' + index);
  return boards[index];
}
static Device instance(unsigned index, unsigned mig) {
  snprintf(names[index][mig], sizeof names[index][mig], "%u.mig%u", index, mig);
  return names[index][mig];
}
static char *uuid_of(Device device, char *out, unsigned size) {
  if (!word(device, "uuid", out, size))
    snprintf(out, size, "%s-0000%s", strstr(device, "mig") ? "MIG" : "GPU", device);
  return out;
}

int nvmlSystemGetDriverVersion(char *out, unsigned size) {
  MAY_FAIL(NULL, "nvmlSystemGetDriverVersion");
  if (!word(NULL, "driver", out, size)) snprintf(out, size, "570.1");
  return OK;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
  MAY_FAIL(NULL, "nvmlDeviceGetCount");
  *count = boards_there();
  return OK;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *out) {
  MAY_FAIL(NULL, "nvmlDeviceGetHandleByIndex");
  if (index >= boards_there()) return INVALID;
  MAY_FAIL(board(index), "nvmlDeviceGetHandleByIndex");
  *out = board(index);
  return OK;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, Device *out) {
  char other[96];
  MAY_FAIL(NULL, "nvmlDeviceGetHandleByUUID");
  for (unsigned i = 0; i < boards_there(); i++) {
    *out = board(i);
    if (!strcmp(uuid_of(*out, other, sizeof other), uuid))
      return refusal(*out, "nvmlDeviceGetHandleByUUID");
    for (unsigned j = 0; j < (unsigned)number(board(i), "instances", 0); j++) {
      *out = instance(i, j);
      if (!strcmp(uuid_of(*out, other, sizeof other), uuid)) return OK;
    }
  }
  return NOT_FOUND;
}
int nvmlDeviceGetUUID(Device device, char *out, unsigned size) {
  MAY_FAIL(device, "nvmlDeviceGetUUID");
  uuid_of(device, out, size);
  return OK;
}
int nvmlDeviceGetName(Device device, char *out, unsigned size) {
  MAY_FAIL(device, "nvmlDeviceGetName");
  if (!word(device, "name", out, size))
    snprintf(out, size, "NVIDIA H200%s", strstr(device, "mig") ? " MIG 1g.18gb" : "");
  return OK;
}

int nvmlDeviceGetMigMode(Device device, unsigned *current, unsigned *pending) {
  MAY_FAIL(device, "nvmlDeviceGetMigMode");
  OF_A_BOARD(device);
  *current = *pending = (unsigned)number(device, "mig", 0);
  return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *count) {
  MAY_FAIL(device, "nvmlDeviceGetMaxMigDeviceCount");
  *count = 7;
  return OK;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *out) {
  MAY_FAIL(device, "nvmlDeviceGetMigDeviceHandleByIndex");
  if (index >= (unsigned)number(device, "instances", 0)) return NOT_FOUND;
  *out = instance((unsigned)(device[0] - '0'), index);
  return OK;
}
int nvmlDeviceIsMigDeviceHandle(Device device, unsigned *is) {
  MAY_FAIL(device, "nvmlDeviceIsMigDeviceHandle");
  *is = strstr(device, "mig") != NULL;
  return OK;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Device device, Device *out) {
  MAY_FAIL(device, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle");
  if (!strstr(device, "mig")) return INVALID;
  *out = board((unsigned)(device[0] - '0'));
  return OK;
}

/* What NVML tells of boards only, by one number. */
#define NUMBER(function, key, otherwise)                        \
  int function(Device device, unsigned *out) {                  \
    MAY_FAIL(device, #function);                                \
    OF_A_BOARD(device);                                         \
    *out = (unsigned)number(device, key, otherwise);            \
    return OK;                                                  \
  }
NUMBER(nvmlDeviceGetPowerUsage, "power_mw", 350000)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, "power_limit_mw", 700000)
NUMBER(nvmlDeviceGetPersistenceMode, "persistence", 1)
NUMBER(nvmlDeviceGetComputeMode, "compute_mode", 0)

#define NUMBER_OF_KIND(function, choice)                        \
  int function(Device device, int kind, unsigned *out) {        \
    (void)kind;                                                 \
    MAY_FAIL(device, #function);                                \
    OF_A_BOARD(device);                                         \
    *out = (unsigned)(choice);                                  \
    return OK;                                                  \
  }
static int is_memory(int kind) { return kind == 2; }
NUMBER_OF_KIND(nvmlDeviceGetClockInfo,
               is_memory(kind) ? number(device, "memory_clock_mhz", 3201)
                               : number(device, "sm_clock_mhz", 1980))
NUMBER_OF_KIND(nvmlDeviceGetMaxClockInfo,
               is_memory(kind) ? number(device, "memory_clock_max_mhz", 3201)
                               : number(device, "sm_clock_max_mhz", 1980))
NUMBER_OF_KIND(nvmlDeviceGetApplicationsClock, number(device, "application_clock_mhz", 1980))
NUMBER_OF_KIND(nvmlDeviceGetDefaultApplicationsClock, number(device, "default_clock_mhz", 1980))
NUMBER_OF_KIND(nvmlDeviceGetTemperature, number(device, "temperature_c", 55))
NUMBER_OF_KIND(nvmlDeviceGetTemperatureThreshold, number(device, "slowdown_c", 87))

int nvmlDeviceGetEccMode(Device device, unsigned *current, unsigned *pending) {
  MAY_FAIL(device, "nvmlDeviceGetEccMode");
  OF_A_BOARD(device);
  *current = *pending = (unsigned)number(device, "ecc", 1);
  return OK;
}
int nvmlDeviceGetUtilizationRates(Device device, Rates *out) {
  MAY_FAIL(device, "nvmlDeviceGetUtilizationRates");
  OF_A_BOARD(device);
  if (number(device, "mig", 0)) return NOT_SUPPORTED;
  out->gpu = (unsigned)number(device, "utilisation", 0);
  out->memory = (unsigned)number(device, "memory_utilisation", 0);
  return OK;
}
static int events(Device device, const char *function, unsigned long long *out) {
  MAY_FAIL(device, function);
  OF_A_BOARD(device);
  *out = (unsigned long long)number(device, "events", 0);
  return OK;
}
int nvmlDeviceGetCurrentClocksEventReasons(Device device, unsigned long long *out) {
  return events(device, "nvmlDeviceGetCurrentClocksEventReasons", out);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Device device, unsigned long long *out) {
  return events(device, "nvmlDeviceGetCurrentClocksThrottleReasons", out);
}

static unsigned long long energy(Device device) {
  static unsigned long long reads;
  char mode[16] = "normal";
  unsigned long long base = (unsigned long long)number(device, "energy_mj", 1000000000);
  long long step = number(device, "energy_step_mj", 1000);
  word(device, "energy", mode, sizeof mode);
  if (!strcmp(mode, "zero")) return 0;
  if (!strcmp(mode, "frozen")) return base;
  if (!strcmp(mode, "step")) return base + (unsigned long long)step * ++reads;
  if (!strcmp(mode, "backwards")) return base - (unsigned long long)step * ++reads;
  unsigned long long period = (unsigned long long)number(device, "energy_period_ms", 20);
  unsigned long long ms = micros(CLOCK_MONOTONIC) / 1000 / period * period;
  return base + (unsigned long long)number(device, "power_mw", 350000) * ms / 1000;
}
int nvmlDeviceGetTotalEnergyConsumption(Device device, unsigned long long *out) {
  MAY_FAIL(device, "nvmlDeviceGetTotalEnergyConsumption");
  OF_A_BOARD(device);
  *out = energy(device);
  return OK;
}
int nvmlDeviceGetFieldValues(Device device, int count, Field *fields) {
  MAY_FAIL(device, "nvmlDeviceGetFieldValues");
  for (int i = 0; i < count; i++) {
    Field *field = &fields[i];
    field->time = (long long)micros(CLOCK_REALTIME);
    field->latency = 0, field->result = NOT_SUPPORTED, field->type = 1;
    if (strstr(device, "mig")) continue;
    if (field->id == 83) field->type = 3, field->value.ull = energy(device);
    else if (field->id == 185) field->value.ui = (unsigned)number(device, "power_mw", 350000);
    else if (field->id == 186)
      field->value.ui = (unsigned)number(device, "power_instant_mw",
                                         number(device, "power_mw", 350000));
    else continue;
    field->result = OK;
  }
  return OK;
}

static void memory(Device device, unsigned long long *total, unsigned long long *used) {
  *total = (unsigned long long)number(device, "memory_total", 150000000000);
  *used = (unsigned long long)number(device, "memory_used", 1000000000);
}
int nvmlDeviceGetMemoryInfo(Device device, Memory *out) {
  MAY_FAIL(device, "nvmlDeviceGetMemoryInfo");
  memory(device, &out->total, &out->used);
  out->free = out->total - out->used;
  return OK;
}
int nvmlDeviceGetMemoryInfo_v2(Device device, MemoryV2 *out) {
  MAY_FAIL(device, "nvmlDeviceGetMemoryInfo");
  memory(device, &out->total, &out->used);
  out->free = out->total - out->used, out->reserved = 0;
  return OK;
}

static unsigned pid_of(const char *at) {
  return strncmp(at, "self", 4) ? (unsigned)strtoul(at, NULL, 10) : (unsigned)getpid();
}
static int processes(Device device, const char *key, unsigned *count, Process *out) {
  char line[1024] = "", *rest = line;
  unsigned room = *count, n = 0;
  word(device, key, line, sizeof line);
  for (char *item; (item = strtok_r(rest, " ,", &rest)); n++) {
    if (!out || n >= room) continue;
    char *size = strchr(item, ':');
    memset(&out[n], 0, sizeof out[n]);
    out[n].pid = pid_of(item), out[n].gpu = out[n].compute = ~0u;
    out[n].memory = size && strncmp(size, ":na", 3) ? strtoull(size + 1, NULL, 10) : ~0ull;
  }
  *count = n;
  return n > room || (n && !out) ? TOO_SMALL : OK;
}
int nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned *count, Process *out) {
  MAY_FAIL(device, "nvmlDeviceGetComputeRunningProcesses");
  return processes(device, "compute", count, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(Device device, unsigned *count, Process *out) {
  MAY_FAIL(device, "nvmlDeviceGetGraphicsRunningProcesses");
  return processes(device, "graphics", count, out);
}
int nvmlDeviceGetProcessUtilization(Device device, Use *out, unsigned *count,
                                    unsigned long long seen) {
  MAY_FAIL(device, "nvmlDeviceGetProcessUtilization");
  OF_A_BOARD(device);
  if (number(device, "mig", 0)) return NOT_SUPPORTED;
  char line[1024] = "", *rest = line;
  unsigned room = *count, n = 0;
  unsigned long long now = (unsigned long long)number(device, "use_time", 0);
  if (!now) now = micros(CLOCK_REALTIME);
  word(device, "use", line, sizeof line);
  for (char *item; now > seen && (item = strtok_r(rest, " ,", &rest)); n++) {
    if (!out || n >= room) continue;
    char *sm = strchr(item, ':');
    memset(&out[n], 0, sizeof out[n]);
    out[n].pid = pid_of(item), out[n].time = now;
    out[n].sm = sm ? (unsigned)strtoul(sm + 1, NULL, 10) : 0;
  }
  *count = n;
  if (!n) return NOT_FOUND;
  return out && n <= room ? OK : TOO_SMALL;
}
