/* Compiles an OpenVINO IR with Intel's NPU compiler, for an NPU that is not there.
 *
 *     shim.exe PLATFORM [KEY=VALUE ...]
 *
 * Reads model.xml and model.bin, and writes model.blob, all in the working directory. Layouts and precisions stay those of
 * the IR. What is to be said of it is written there too, a file each: `step` names the step under way, `error` is why it
 * failed, `seconds` how long compiling took; those in capitals are properties of the compiled model. Exits with 0, or with
 * 1 if OpenVINO refused, with 64 if it can't write; a compiler that aborts takes the process with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openvino/c/openvino.h>

enum { FAILED = 64 };

static void note(const char *name, const char *text) {
    FILE *file = fopen(name, "wb");
    if (!file || fputs(text, file) < 0 || fflush(file)) exit(FAILED);
    fclose(file);  // of wine, says nothing of a full disk
}

static void attempt(const char *step) { note("step", step); }

static void demand(ov_status_e status) {
    if (status == OK) return;
    const char *message = ov_get_last_err_msg();
    note("error", message && *message ? message : ov_get_error_info(status));
    exit(1);
}

static void note_property(const ov_compiled_model_t *compiled, const char *key) {
    char *value = NULL;
    if (ov_compiled_model_get_property(compiled, key, &value) == OK) note(key, value);
}

int main(int count, char **arguments) {
    if (count < 2) return FAILED;
    size_t given = 0;
    ov_property_t *properties = calloc(count, sizeof *properties);
    properties[given++] = (ov_property_t){"NPU_COMPILER_TYPE", "PLUGIN"};
    properties[given++] = (ov_property_t){"NPU_PLATFORM", arguments[1]};
    for (int i = 2; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        if (!equals) return FAILED;
        *equals = 0;
        properties[given++] = (ov_property_t){arguments[i], equals + 1};
    }

    ov_core_t *core = NULL;
    ov_model_t *model = NULL;
    ov_compiled_model_t *compiled = NULL;
    ov_version_t version;
    attempt("start");
    demand(ov_get_openvino_version(&version));
    note("openvino", version.buildNumber);
    demand(ov_core_create(&core));

    attempt("read");
    demand(ov_core_read_model(core, "model.xml", NULL, &model));

    attempt("compile");
    clock_t start = clock();  // on Windows, a clock of real time
    demand(ov_core_compile_model_props(core, model, "NPU", given, properties, &compiled));
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%.3f", (double)(clock() - start) / CLOCKS_PER_SEC);
    note("seconds", seconds);

    attempt("export");
    demand(ov_compiled_model_export_model(compiled, "model.blob"));
    note_property(compiled, "RUNTIME_REQUIREMENTS");
    note_property(compiled, "NPU_COMPILER_VERSION");
    attempt("done");
    return 0;
}
