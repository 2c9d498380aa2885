// Names and sizes of the element types.
#include "kiln/runtime/dtype.h"

#include "kiln/runtime/error.h"

namespace kiln::runtime {

namespace {

struct DTypeFacts {
  std::size_t bytes;
  std::string_view name, scalar_type_name;
};

// Indexed by DType.
constexpr DTypeFacts kFacts[] = {
    {1, "bool", "Bool"},  {1, "uint8", "Byte"},   {1, "int8", "Char"},         {2, "int16", "Short"},   {4, "int32", "Int"},
    {8, "int64", "Long"}, {2, "float16", "Half"}, {2, "bfloat16", "BFloat16"}, {4, "float32", "Float"}, {8, "float64", "Double"},
};

// A DType may come from an artifact's descriptor, so a number outside the table is an error, not undefined behaviour.
const DTypeFacts &facts(DType dtype) {
  const auto index = static_cast<std::size_t>(dtype);
  if (index >= std::size(kFacts))
    throw TypeError("unknown element type number " + std::to_string(index));
  return kFacts[index];
}

} // namespace

std::size_t element_size(DType dtype) { return facts(dtype).bytes; }
std::string_view name(DType dtype) { return facts(dtype).name; }
std::string_view scalar_type_name(DType dtype) { return facts(dtype).scalar_type_name; }

} // namespace kiln::runtime
