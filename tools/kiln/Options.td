//===- Options.td - the driver's options ------------------------*- tablegen -*-===//
//
// Each option says which commands take it; help, spelling suggestions and parsing come from this table.
//
//===----------------------------------------------------------------------===//

include "llvm/Option/OptParser.td"

def Main : OptionVisibility;
def Build : OptionVisibility;
def Run : OptionVisibility;
def Print : OptionVisibility;
def Summary : OptionVisibility;
def Inspect : OptionVisibility;

// Commands that may compile a model's C++.
class ForModels { list<OptionVisibility> Visibility = [Build, Run, Print, Summary]; }

class Flag_<string name> : Flag<["--"], name>;
class Value<string name> : Joined<["--"], name # "=">;

//===----------------------------------------------------------------------===//
// All commands
//===----------------------------------------------------------------------===//

def help : Flag_<"help">, Visibility<[Main, Build, Run, Print, Summary, Inspect]>, HelpText<"Show this text">;
def help_short : Flag<["-"], "h">, Alias<help>, Visibility<[Main, Build, Run, Print, Summary, Inspect]>;
def version : Flag_<"version">, Visibility<[Main]>, HelpText<"Show the version">;

//===----------------------------------------------------------------------===//
// kiln build
//===----------------------------------------------------------------------===//

def output_file : JoinedOrSeparate<["-"], "o">, Visibility<[Build]>, MetaVarName<"OUT">,
  HelpText<"Write OUT. One kind writes OUT itself, several write OUT with an ending each">;
def emit : CommaJoined<["--"], "emit=">, Visibility<[Build]>, MetaVarName<"KIND,...">,
  HelpText<"What to write: exe, shared, static, object, header, mlir, schedule, llvm, asm. By default OUT's ending decides "
           "(.so, .a, .o, .h, .mlir, .ll, .s), and none means exe">;
def embed_weights : Value<"embed-weights">, Visibility<[Build]>, MetaVarName<"true|false">,
  HelpText<"Whether the artifact carries the weights (default: true)">;
def remarks : Flag_<"remarks">, Visibility<[Build]>,
  HelpText<"Report what was fused, folded and hoisted, what was not, and why">;
def timing : Flag_<"timing">, Visibility<[Build]>, HelpText<"Report where the time went">;
def mlir_option : Joined<["--"], "mlir-">, Visibility<[Build]>, MetaVarName<"OPTION">,
  HelpText<"MLIR's own debugging options, such as --mlir-print-ir-after-all or --mlir-print-ir-tree-dir=DIR">;

//===----------------------------------------------------------------------===//
// Weights, inputs, outputs
//===----------------------------------------------------------------------===//

def weights : Value<"weights">, Visibility<[Build, Run]>, MetaVarName<"FILE">,
  HelpText<"Load a state_dict, from .pt or .safetensors, before anything else">;
def input : Value<"input">, Visibility<[Run]>, MetaVarName<"NAME=FILE[:TENSOR]">,
  HelpText<"An input: an .npy file, a tensor of a .safetensors file, random:32x784 or zeros:32x784">;
def output : Value<"output">, Visibility<[Run]>, MetaVarName<"[NAME=]FILE">,
  HelpText<"Write an output to an .npy or .safetensors file. Outputs not asked for are described on standard output">;
def threads : Value<"threads">, Visibility<[Run]>, MetaVarName<"N">, HelpText<"Threads to compute with">;
def repeat : Value<"repeat">, Visibility<[Run]>, MetaVarName<"N">,
  HelpText<"Call N times and print the median time of a call">;
def interpret : Flag_<"interpret">, Visibility<[Run]>,
  HelpText<"Run the reference interpreter instead of compiled code (MODEL.cpp and .mlir only)">;
def interpret_EQ : Value<"interpret">, Visibility<[Run]>, MetaVarName<"f32|f64">,
  HelpText<"The same; f64 computes all floating-point values in double precision">;

//===----------------------------------------------------------------------===//
// Models in C++
//===----------------------------------------------------------------------===//

def program : Value<"program">, ForModels, MetaVarName<"NAME">,
  HelpText<"The program to take, where a file has several (default: the one named as the file)">;
def include_folder : JoinedOrSeparate<["-"], "I">, ForModels, MetaVarName<"FOLDER">,
  HelpText<"Look for the model's headers in FOLDER too">;
def define : JoinedOrSeparate<["-"], "D">, ForModels, MetaVarName<"NAME[=VALUE]">,
  HelpText<"Define a macro for the model's source">;
def cxxflags : Value<"cxxflags">, ForModels, MetaVarName<"FLAGS">,
  HelpText<"Further flags, separated by spaces, for the compiler ($CXX, else c++) of the model's source">;
