# Writes the name and SHA-256 of each public header, as the driver's header_check.cpp includes them.
#   cmake -DOUTPUT=FILE -DFOLDERS=FOLDER,... -P HeaderDigests.cmake
# Runs at every build that follows a change of a header, so what is compiled into the driver is what it was compiled with.
string(REPLACE "," ";" folders "${FOLDERS}")
set(lines "")
foreach(folder ${folders})
  file(GLOB_RECURSE headers RELATIVE ${folder} ${folder}/*.h)
  foreach(header ${headers})
    file(SHA256 ${folder}/${header} digest)
    list(APPEND lines "{\"${header}\", \"${digest}\"},\n")
  endforeach()
endforeach()
list(SORT lines)
string(CONCAT text ${lines})
file(WRITE ${OUTPUT} "${text}")
