// What a checkpoint says of the program that wrote it, and how another program differs. Internal.
#pragma once

#include <string>

#include "kiln/runtime/program.h"
#include "kiln/runtime/value.h"

namespace kiln::runtime {

/// The entries of "kiln" that describe a program: its fingerprint, and so that a difference can be named, its modules as they print
/// ({"net.3": "Dropout(p=0.5, inplace=False)"}) and its optimizers' types ({"optimizer": "Adam"}).
Value::Dict describe_origin(const Program &program);

/// "the checkpoint of program 'a' is of another architecture than program 'b'"; `own` is its "kiln".
std::string origin_text(const Program &program, const Value::Dict &own);

/// Lines that say which modules and optimizers of `checkpoint` and of its "kiln", `own`, are others than the program's, each
/// beginning with a line end; the first few. Where there is none, a line that tells what else a fingerprint covers.
std::string origin_differences(const Program &program, const Value::Dict &checkpoint, const Value::Dict &own);

/// Throws ValueError where the state of `optimizer` is of one that keeps other values, such as SGD's for Adam. `own` is "kiln" of the
/// checkpoint; null where it has none, and then the options tell.
void check_optimizer_kind(const OptimizerDescription &optimizer, const Value &source, const Value::Dict *own);
/// "\n  type is Adam, expected AdamW" where the checkpoint says so.
std::string type_difference(const OptimizerDescription &optimizer, const Value::Dict *own);

} // namespace kiln::runtime
