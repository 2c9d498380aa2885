#include "c_host.h"

#include <stddef.h>
#include <string.h>

#define CHECK(CONDITION)                                                                           \
  do {                                                                                             \
    if (!(CONDITION))                                                                              \
      return __LINE__;                                                                             \
  } while (0)

int c_host_predict(const char *artifact, float *results) {
  kiln_runtime_program *program = NULL;
  kiln_runtime_model *model = NULL;
  CHECK(kiln_runtime_load(artifact, &program) == KILN_STATUS_OK);
  CHECK(kiln_runtime_create_model(program, NULL, &model) == KILN_STATUS_OK);
  kiln_runtime_unload(program); /* the model keeps what it needs */

  float x[] = {1, 2, 3, 4};
  const int64_t sizes[] = {2, 2};
  const kiln_tensor input = {x, KILN_DTYPE_FLOAT32, 2, sizes, NULL};

  int64_t output_sizes[2];
  CHECK(kiln_runtime_output_sizes(model, "predict", &input, 1, output_sizes, 2) == KILN_STATUS_OK);
  CHECK(output_sizes[0] == 2 && output_sizes[1] == 2);
  CHECK(kiln_runtime_output_sizes(model, "predict", &input, 1, output_sizes, 1) == KILN_STATUS_VALUE);
  CHECK(strcmp(kiln_runtime_last_error(), "there are 2 output sizes, and there is room for 1") == 0);

  const kiln_tensor output = {results, KILN_DTYPE_FLOAT32, 2, sizes, NULL};
  CHECK(kiln_runtime_call(model, "predict", &input, 1, &output, 1, NULL) == KILN_STATUS_OK);
  kiln_runtime_destroy_model(model);
  return 0;
}

int c_host_weights(const kiln_program *descriptor, const char *weights, float *before, float *after) {
  kiln_runtime_program *program = NULL;
  kiln_runtime_model *model = NULL;
  CHECK(kiln_runtime_from_descriptor(descriptor, &program) == KILN_STATUS_OK);

  const char *name = NULL;
  kiln_runtime_argument arguments[4];
  uint32_t count = 4;
  CHECK(kiln_runtime_function_count(program) == 6);
  CHECK(kiln_runtime_function_name(program, 0, &name) == KILN_STATUS_OK && strcmp(name, "affine") == 0);
  CHECK(kiln_runtime_function_name(program, 6, &name) == KILN_STATUS_INDEX);
  CHECK(kiln_runtime_inputs(program, "pair", arguments, &count) == KILN_STATUS_OK && count == 3);
  CHECK(strcmp(arguments[1].name, "y") == 0 && strcmp(arguments[1].shape_text, "[n]") == 0);
  count = 0;
  CHECK(kiln_runtime_outputs(program, "pair", NULL, &count) == KILN_STATUS_OK && count == 2);
  CHECK(kiln_runtime_outputs(program, "other", NULL, &count) == KILN_STATUS_KEY);

  CHECK(kiln_runtime_create_model(program, NULL, &model) == KILN_STATUS_OK);
  float x[] = {1, 1};
  const int64_t x_sizes[] = {1, 2}, y_sizes[] = {1, 3}, y_strides[] = {3, 1};
  const kiln_tensor input = {x, KILN_DTYPE_FLOAT32, 2, x_sizes, NULL};
  kiln_tensor output = {before, KILN_DTYPE_FLOAT32, 2, y_sizes, y_strides};
  CHECK(kiln_runtime_call(model, "affine", &input, 1, &output, 1, NULL) == KILN_STATUS_OK);
  CHECK(kiln_runtime_load_weights(model, weights, 1) == KILN_STATUS_OK);
  output.data = after;
  CHECK(kiln_runtime_call(model, "affine", &input, 1, &output, 1, NULL) == KILN_STATUS_OK);
  kiln_runtime_destroy_model(model);
  kiln_runtime_unload(program);
  return 0;
}

static void run_backwards(void *executor, void (*task)(void *argument, int64_t index), void *argument, int64_t count) {
  ++*(int *)executor;
  for (int64_t i = count; i-- > 0;)
    task(argument, i);
}

int c_host_threads(const kiln_program *descriptor, float *results, int *calls) {
  kiln_runtime_program *program = NULL;
  kiln_runtime_model *model = NULL;
  kiln_runtime_options options = {0};
  options.struct_size = sizeof options;
  options.parallel_for = run_backwards;
  options.executor = calls;
  CHECK(kiln_runtime_from_descriptor(descriptor, &program) == KILN_STATUS_OK);
  CHECK(kiln_runtime_create_model(program, &options, &model) == KILN_STATUS_OK);
  float x[] = {1, 1, 2, 0};
  const int64_t x_sizes[] = {2, 2}, y_sizes[] = {2, 3};
  const kiln_tensor input = {x, KILN_DTYPE_FLOAT32, 2, x_sizes, NULL};
  const kiln_tensor output = {results, KILN_DTYPE_FLOAT32, 2, y_sizes, NULL};
  CHECK(kiln_runtime_call(model, "affine", &input, 1, &output, 1, NULL) == KILN_STATUS_OK);
  CHECK(kiln_runtime_call(model, "affine", &input, 1, &output, 1, &options) == KILN_STATUS_OK);
  kiln_runtime_destroy_model(model);
  kiln_runtime_unload(program);
  return 0;
}
