// Writing .pt files: the archive of torch_file.cpp's head comment, entries in torch.save's order.
#include "concat.h"
#include "file_io.h"
#include "kiln/runtime/files.h"
#include "pickler.h"
#include "zip_writer.h"

namespace kiln::runtime {

void save_torch(const std::string &path, const Value &value) {
  const pickle::Pickled pickled = pickle::write(value); // before the file: what can't be saved leaves nothing behind
  AtomicFile file(path);
  ZipWriter archive(file);
  // The name that torch.save gives to what it writes to a stream; a name from the path would make the bytes depend on it.
  const std::string root = "archive/";
  archive.add(root + "data.pkl", pickled.bytes);
  archive.add(root + ".format_version", "1");
  archive.add(root + ".storage_alignment", std::to_string(ZipWriter::kDataAlignment));
  archive.add(root + "byteorder", "little");
  for (std::size_t i = 0; i < pickled.storages.size(); ++i)
    archive.add(concat({root, "data/", i}), {pickled.storages[i]->data(), pickled.storages[i]->bytes()});
  archive.add(root + "version", "3\n");
  archive.finish();
  file.commit();
}

void save_torch(const std::string &path, const StateDict &tensors) { save_torch(path, to_value(tensors)); }

} // namespace kiln::runtime
