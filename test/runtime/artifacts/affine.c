/* A program as the compiler would emit it, written by hand: predict(x: float32 [batch, 2]) = 2 x + 1. */
#include "kiln/runtime/abi.h"

static void measure(const int64_t *symbols, int64_t *output_sizes, int64_t *arena_bytes) {
  output_sizes[0] = symbols[0];
  output_sizes[1] = 2;
  *arena_bytes = 0;
}

#ifdef KILN_TEST_FAULT
/* Writes to the arena, which has no bytes here, on whatever thread. */
static void fault(void *argument, int64_t index) { ((volatile float *)argument)[index] = 1; }
static int32_t run(kiln_call *call) {
  call->services->parallel_for(call->executor, fault, call->arena, 64);
  return KILN_OK;
}
#else
static int32_t run(kiln_call *call) {
  const float *x = call->inputs[0];
  float *y = call->outputs[0];
  for (int64_t i = 0; i < call->symbols[0] * 2; ++i)
    y[i] = 2 * x[i] + 1;
  return KILN_OK;
}
#endif

static const char *const symbols[] = {"batch"};
static const kiln_dim dims[] = {{0, 0, 0}, {2, -1, 0}};
static const kiln_argument inputs[] = {{sizeof(kiln_argument), 8, 2, "x", dims, "[batch, 2]"}};
static const kiln_argument outputs[] = {{sizeof(kiln_argument), 8, 2, "output", 0, "[batch, 2]"}};
static const kiln_function functions[] = {{.struct_size = sizeof(kiln_function),
                                           .name = "predict",
                                           .symbol_count = 1,
                                           .input_count = 1,
                                           .output_count = 1,
                                           .symbols = symbols,
                                           .inputs = inputs,
                                           .outputs = outputs,
                                           .measure = measure,
                                           .run = {run, run, run}}};

#define PROGRAM(NAME, TEXT, MAJOR, MINOR)                                                          \
  __attribute__((visibility("default"))) const kiln_program NAME = {                               \
      .struct_size = sizeof(kiln_program),                                                         \
      .abi_major = MAJOR,                                                                          \
      .abi_minor = MINOR,                                                                          \
      .name = TEXT,                                                                                \
      .fingerprint = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",           \
      .target = "x86_64",                                                                          \
      .function_count = 1,                                                                         \
      .functions = functions,                                                                      \
      .gradient_flags = -1,                                                                        \
      .generator = -1}

#if defined(KILN_TEST_LATER_MAJOR)
PROGRAM(kiln_program_affine, "affine", KILN_ABI_MAJOR + 1, KILN_ABI_MINOR);
#elif defined(KILN_TEST_LATER_MINOR)
PROGRAM(kiln_program_affine, "affine", KILN_ABI_MAJOR, KILN_ABI_MINOR + 1);
#elif defined(KILN_TEST_TWO_PROGRAMS)
PROGRAM(kiln_program_affine, "affine", KILN_ABI_MAJOR, KILN_ABI_MINOR);
PROGRAM(kiln_program_again, "again", KILN_ABI_MAJOR, KILN_ABI_MINOR);
#elif defined(KILN_TEST_NO_PROGRAM)
__attribute__((visibility("default"))) const int something_else = 1;
const void *const keep_functions = functions;
#elif defined(KILN_TEST_EXECUTABLE)
PROGRAM(kiln_program_affine, "affine", KILN_ABI_MAJOR, KILN_ABI_MINOR);
const kiln_program *const kiln_linked_program = &kiln_program_affine;
const void *const kiln_linked_train = 0;
#else
PROGRAM(kiln_program_affine, "affine", KILN_ABI_MAJOR, KILN_ABI_MINOR);
#endif
