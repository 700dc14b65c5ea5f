// Part of bitnetc; see the header.
