"""check_size.py [FILE MOST]...: code and data of each ELF file, all that `strip` leaves and the system loads, are MOST bytes at most."""
import struct
import sys

SHT_NOBITS, SHF_ALLOC = 8, 2


def loaded_bytes(path):
    with open(path, "rb") as file:
        content = file.read()
    sections, = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    total = 0
    for i in range(count):
        kind, flags, _, _, length = struct.unpack_from("<IQQQQ", content, sections + i * size + 4)
        if flags & SHF_ALLOC and kind != SHT_NOBITS:
            total += length
    return total


for path, most in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    found = loaded_bytes(path)
    if found > most:
        sys.exit(f"{path}: {found} bytes of code and data, expected at most {most}")
    print(f"{path}: {found} bytes of code and data")
